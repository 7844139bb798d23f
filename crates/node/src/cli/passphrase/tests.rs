//! Where a passphrase is looked for, and what is refused.

use super::*;
use crate::cli::tests::FakePrompt;
use std::fs;

fn layout() -> (tempfile::TempDir, DataLayout) {
    let directory = tempfile::tempdir().unwrap();
    let layout = DataLayout::new(directory.path());
    (directory, layout)
}

fn write_dev_passphrase(layout: &DataLayout, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let path = layout.dev_passphrase_file();
    fs::write(&path, "of the directory\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn obtain(
    source: &PassphraseSource,
    layout: &DataLayout,
    purpose: Purpose,
    answers: &[&str],
) -> Result<String, PassphraseError> {
    let mut prompt = FakePrompt::answering(answers);
    let found = source.obtain(layout, purpose, &mut prompt);
    found.map(|passphrase| passphrase.as_str().to_owned())
}

#[test]
fn a_named_file_comes_before_the_environment_the_directory_and_a_person() {
    let (directory, layout) = layout();
    write_dev_passphrase(&layout, 0o600);
    let file = directory.path().join("passphrase");
    fs::write(&file, "of the file\r\n").unwrap();
    let mut source = PassphraseSource {
        file: Some(file),
        environment: Some(Passphrase::new("of the environment".to_owned())),
    };
    let look = |source: &PassphraseSource| {
        obtain(source, &layout, Purpose::Unlock, &["of a person"]).unwrap()
    };
    assert_eq!(look(&source), "of the file");
    source.file = None;
    assert_eq!(look(&source), "of the environment");
    source.environment = None;
    assert_eq!(look(&source), "of the directory");
    fs::remove_file(layout.dev_passphrase_file()).unwrap();
    assert_eq!(look(&source), "of a person");
}

#[test]
fn a_development_passphrase_that_others_can_read_is_refused() {
    let (_directory, layout) = layout();
    write_dev_passphrase(&layout, 0o644);
    let error = obtain(&PassphraseSource::default(), &layout, Purpose::Unlock, &[]).unwrap_err();
    assert!(error.to_string().contains("(mode 0644)"), "{error}");
    assert!(error.hint().unwrap().starts_with("`chmod 600 "));
}

#[test]
fn a_new_passphrase_is_typed_twice_and_alike() {
    let (_directory, layout) = layout();
    let source = PassphraseSource::default();
    let ask = |answers: &[&str]| obtain(&source, &layout, Purpose::Create, answers);
    assert_eq!(ask(&["good", "good"]).unwrap(), "good");
    assert!(matches!(
        ask(&["good", "bad"]),
        Err(PassphraseError::Different)
    ));
    assert!(matches!(ask(&[""]), Err(PassphraseError::Empty(_))));
}

#[test]
fn without_anybody_to_ask_it_is_said_how_to_give_it() {
    let (_directory, layout) = layout();
    let source = PassphraseSource::default();
    let error = source
        .obtain(&layout, Purpose::Unlock, &mut FakePrompt::nobody())
        .unwrap_err();
    assert!(matches!(error, PassphraseError::NobodyToAsk));
    let hint = error.hint().unwrap();
    assert!(hint.contains("--passphrase-file") && hint.contains("PICOT_PASSPHRASE"));
}

#[test]
fn a_passphrase_file_that_cannot_be_used_says_why() {
    let (directory, layout) = layout();
    let file = directory.path().join("passphrase");
    let source = PassphraseSource {
        file: Some(file.clone()),
        environment: None,
    };
    let why = || obtain(&source, &layout, Purpose::Unlock, &[]).unwrap_err();
    assert!(matches!(why(), PassphraseError::File { .. }));
    fs::write(&file, "\n").unwrap();
    let empty = format!("passphrase file {} is empty", file.display());
    assert_eq!(why().to_string(), empty);
    fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(matches!(why(), PassphraseError::NotText(_)));
    fs::write(&file, "x".repeat(2_000)).unwrap();
    assert!(matches!(why(), PassphraseError::TooLong { .. }));
}

#[test]
fn a_passphrase_is_never_printed() {
    let source = PassphraseSource {
        file: None,
        environment: Some(Passphrase::new("word".to_owned())),
    };
    assert!(!format!("{source:?}").contains("word"));
}
