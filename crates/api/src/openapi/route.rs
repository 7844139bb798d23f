//! One route as the document tells it.

use crate::types::ProblemCode;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What every route may answer.
const ALWAYS: [ProblemCode; 3] = [
    ProblemCode::Timeout,
    ProblemCode::Unavailable,
    ProblemCode::Internal,
];

/// Adds a field to an object.
pub(super) fn put(object: &mut Json, name: &str, value: Json) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// The schemas that are used.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, Json>);

impl Schemas {
    /// A reference to the schema of a type.
    pub(super) fn of<T: ToSchema>(&mut self) -> Json {
        let mut used = Vec::new();
        T::schemas(&mut used);
        used.push((T::name().into_owned(), T::schema()));
        for (name, schema) in used {
            let schema = serde_json::to_value(schema).unwrap_or_default();
            self.0.insert(name, schema);
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }

    pub(super) fn into_json(self) -> Json {
        self.0.into_iter().collect::<Map<_, _>>().into()
    }
}

/// One route.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: Vec<Json>,
    /// Schema and example.
    pub(super) body: Option<(Json, Json)>,
    /// Status, description, and content type with schema.
    pub(super) answer: (u16, &'static str, Option<(&'static str, Json)>),
    pub(super) problems: Vec<ProblemCode>,
}

impl Route {
    pub(super) fn new(
        method: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        answer: Json,
    ) -> Self {
        let mut problems = ALWAYS.to_vec();
        if tag == "control" {
            problems.push(ProblemCode::Unauthorized);
        }
        Self {
            method,
            path,
            tag,
            summary,
            parameters: Vec::new(),
            body: None,
            answer: (200, "The answer.", Some(("application/json", answer))),
            problems,
        }
    }

    pub(super) fn get(
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        answer: Json,
    ) -> Self {
        Self::new("get", path, tag, summary, answer)
    }

    /// A part of the path.
    pub(super) fn part(self, name: &str, schema: Json, example: impl Into<Json>) -> Self {
        self.parameter("path", true, name, "", schema, example.into())
    }

    /// A part of the query that may be left out.
    pub(super) fn query(
        self,
        name: &str,
        description: &str,
        schema: Json,
        example: impl Into<Json>,
    ) -> Self {
        self.parameter("query", false, name, description, schema, example.into())
    }

    /// A part of the query that is needed.
    pub(super) fn needed(
        self,
        name: &str,
        description: &str,
        schema: Json,
        example: impl Into<Json>,
    ) -> Self {
        self.parameter("query", true, name, description, schema, example.into())
    }

    /// How many things are wanted.
    pub(super) fn limit(self) -> Self {
        let schema = json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 64 });
        self.query("limit", "How many are wanted.", schema, 64)
    }

    fn parameter(
        mut self,
        place: &str,
        required: bool,
        name: &str,
        description: &str,
        schema: Json,
        example: Json,
    ) -> Self {
        let mut parameter = json!({
            "in": place,
            "name": name,
            "required": required,
            "schema": schema,
        });
        if !description.is_empty() {
            put(&mut parameter, "description", description.into());
        }
        if !example.is_null() {
            put(&mut parameter, "example", example);
        }
        self.parameters.push(parameter);
        self.problem(ProblemCode::InvalidParameter)
    }

    pub(super) fn body(mut self, schema: Json, example: Json) -> Self {
        self.body = Some((schema, example));
        self.problem(ProblemCode::InvalidBody)
            .problem(ProblemCode::BodyTooLarge)
    }

    pub(super) fn problem(mut self, code: ProblemCode) -> Self {
        self.problems.push(code);
        self
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.answer.0 = status;
        self
    }

    pub(super) fn content(mut self, description: &'static str, content_type: &'static str) -> Self {
        let schema = json!({ "type": "string" });
        self.answer = (200, description, Some((content_type, schema)));
        self
    }

    /// The statuses of its problems.
    pub(super) fn statuses(&self) -> BTreeSet<u16> {
        self.problems.iter().map(|code| code.status()).collect()
    }

    pub(super) fn operation_id(&self) -> String {
        let parts = self.path.split(['/', '.']);
        let named = parts.filter(|part| !part.is_empty() && !["api", "v1"].contains(part));
        let named = named.map(|part| part.trim_matches(['{', '}']));
        let is_root = !self.path.starts_with("/api/") && !self.path.starts_with("/control/");
        std::iter::once(self.method)
            .chain(is_root.then_some("root"))
            .chain(named)
            .collect::<Vec<_>>()
            .join("_")
    }
}
