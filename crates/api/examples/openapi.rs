//! Writes the document of the interface where it is checked in: `cargo xtask openapi`.

fn main() -> std::io::Result<()> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    std::fs::write(file, picot_api::openapi::document_text())
}
