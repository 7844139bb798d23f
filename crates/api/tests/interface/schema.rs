//! Enough of JSON Schema to hold answers against the document.

use serde_json::Value as Json;

/// What is wrong with a value, and where; nothing if it is as the schema says.
pub(crate) fn check(
    document: &Json,
    schema: &Json,
    value: &Json,
    place: &str,
) -> Result<(), String> {
    hold(document, schema, value, place, true)
}

/// `is_whole`: the schema names all fields of an object, being no part of several.
fn hold(
    document: &Json,
    schema: &Json,
    value: &Json,
    place: &str,
    is_whole: bool,
) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap();
        let target = document.pointer(pointer);
        let target = target.ok_or_else(|| format!("{place}: no schema {reference}"))?;
        return hold(document, target, value, place, is_whole);
    }
    if let Some(all) = schema["allOf"].as_array() {
        for one in all {
            hold(document, one, value, place, false)?;
        }
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[several].as_array() {
            let tried: Vec<_> = choices
                .iter()
                .map(|one| hold(document, one, value, place, is_whole))
                .collect();
            if !tried.iter().any(Result::is_ok) {
                return Err(format!("{place}: {value} is none of {several}: {tried:?}"));
            }
        }
    }
    if let Some(known) = schema["enum"].as_array()
        && !known.contains(value)
    {
        return Err(format!("{place}: {value} is none of {known:?}"));
    }
    check_type(&schema["type"], value, place)?;
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap()) {
                return Err(format!("{place}: lacks {name}"));
            }
        }
        for (name, field) in object {
            let place = format!("{place}.{name}");
            if let Some(schema) = schema["properties"].get(name) {
                check(document, schema, field, &place)?;
            } else if schema["additionalProperties"].is_object() {
                check(document, &schema["additionalProperties"], field, &place)?;
            } else if is_whole && schema["properties"].is_object() {
                return Err(format!("{place}: is not in the document"));
            }
        }
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        check(
            document,
            &schema["items"],
            item,
            &format!("{place}[{number}]"),
        )?;
    }
    Ok(())
}

fn check_type(types: &Json, value: &Json, place: &str) -> Result<(), String> {
    let names: Vec<&str> = match types {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ => return Ok(()),
    };
    let is_a = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    if names.iter().any(is_a) {
        return Ok(());
    }
    Err(format!("{place}: {value} is no {}", names.join(" or ")))
}
