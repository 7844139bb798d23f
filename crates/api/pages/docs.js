"use strict";

// Shows the document of the interface. Texts are set as text, never as HTML.

const METHODS = ["get", "post", "put", "delete"];

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function schemaName(reference) {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

// What a schema is, in a few words, with links to the named ones.
function typeOf(schema) {
  if (!schema) return ["anything"];
  if (schema.$ref) {
    const name = schemaName(schema.$ref);
    return [element("a", { href: `#schema-${name}` }, name)];
  }
  const several = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (several) {
    return several.flatMap((one, place) => [place > 0 ? (schema.allOf ? " and " : " or ") : "", ...typeOf(one)]);
  }
  if (schema.enum) return [schema.enum.map((one) => JSON.stringify(one)).join(" or ")];
  const kinds = [].concat(schema.type ?? "object");
  if (kinds.includes("array")) {
    const rest = kinds.filter((kind) => kind !== "array");
    return ["list of ", ...typeOf(schema.items), rest.length ? ` or ${rest.join(" or ")}` : ""];
  }
  return [kinds.join(" or ")];
}

function fields(schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) =>
    element("tr", {}, element("td", {}, element("code", {}, name)),
      element("td", {}, ...typeOf(field)),
      element("td", {}, field.description ?? "")));
  if (rows.length === 0) return null;
  return element("table", {}, element("tbody", {}, ...rows));
}

function schemaDetails(name, schema) {
  const parts = [schema, ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  const bodies = parts.map((part) => {
    const table = fields(part);
    if (!table) return null;
    return element("div", {}, part === schema ? "" : element("p", { class: "quiet" }, part.description ?? ""), table);
  });
  return element("details", { id: `schema-${name}` },
    element("summary", {}, element("code", {}, name), " ", element("span", { class: "quiet" }, ...typeOf(schema))),
    element("p", {}, schema.description ?? ""), ...bodies);
}

function parametersTable(parameters) {
  if (!parameters || parameters.length === 0) return null;
  const rows = parameters.map((parameter) =>
    element("tr", {},
      element("td", {}, element("code", {}, parameter.name)),
      element("td", {}, parameter.in + (parameter.required ? ", needed" : "")),
      element("td", {}, ...typeOf(parameter.schema)),
      element("td", {}, parameter.description ?? ""),
      element("td", {}, parameter.example === undefined ? "" : element("code", {}, String(parameter.example)))));
  const head = ["name", "where", "type", "", "example"].map((title) => element("th", { scope: "col" }, title));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}

function routeDetails(path, method, operation) {
  const body = operation.requestBody?.content?.["application/json"];
  const responses = Object.entries(operation.responses).map(([status, response]) => {
    const [type, content] = Object.entries(response.content ?? {})[0] ?? ["", null];
    return element("tr", {}, element("td", {}, element("code", {}, status)),
      element("td", {}, response.description),
      element("td", {}, type, " ", ...(content ? typeOf(content.schema) : [])));
  });
  return element("details", { "data-words": `${method} ${path} ${operation.summary}`.toLowerCase() },
    element("summary", {}, element("span", { class: "method" }, method.toUpperCase()),
      element("code", {}, path), " ", element("span", { class: "quiet" }, operation.summary)),
    parametersTable(operation.parameters),
    body ? element("p", {}, "Body: ", ...typeOf(body.schema)) : null,
    body?.example === undefined ? null : element("pre", {}, JSON.stringify(body.example, null, 2)),
    element("table", {}, element("tbody", {}, ...responses)));
}

function show(page, document_) {
  page.replaceChildren();
  for (const line of document_.info.description.split("\n").filter((line) => line.trim())) {
    page.append(element("p", {}, line.replace(/^- /, "")));
  }
  for (const tag of document_.tags) {
    page.append(element("h2", { id: `tag-${tag.name}` }, tag.name), element("p", { class: "quiet" }, tag.description));
    for (const [path, methods] of Object.entries(document_.paths)) {
      for (const method of METHODS) {
        const operation = methods[method];
        if (operation?.tags.includes(tag.name)) page.append(routeDetails(path, method, operation));
      }
    }
  }
  page.append(element("h2", { id: "schemas" }, "schemas"));
  for (const [name, schema] of Object.entries(document_.components.schemas)) page.append(schemaDetails(name, schema));
}

function openLinked() {
  const linked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (linked instanceof HTMLDetailsElement) {
    linked.open = true;
    linked.scrollIntoView();
  }
}

async function start() {
  const page = document.getElementById("routes");
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`the node answers ${answer.status}`);
    show(page, await answer.json());
    openLinked();
  } catch (error) {
    page.replaceChildren(element("p", { role: "alert" }, `The document cannot be read: ${error.message}.`));
  }
}

document.getElementById("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const route of document.querySelectorAll("details[data-words]")) {
    route.hidden = !words.every((word) => route.dataset.words.includes(word));
  }
});
window.addEventListener("hashchange", openLinked);
start();
