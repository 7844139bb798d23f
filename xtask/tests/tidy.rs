//! Tidy is a test: the checkout keeps the rules of the house.

use std::process::Command;

#[test]
fn the_checkout_is_tidy() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("tidy")
        .output()
        .unwrap();
    let (found, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{found}\n{errors}");
}
