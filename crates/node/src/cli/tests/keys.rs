//! `picot keys`.

use super::*;
use picot_models::mocks;
use picot_models::text::export_secret_key;

fn list(directory: &DevDirectory) -> Vec<String> {
    let ended = picot(&["keys", "list", "--data", directory.path()]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.out.lines().map(str::to_owned).collect()
}

#[test]
fn keys_are_made_listed_exported_removed_and_imported_again() {
    let directory = DevDirectory::new();
    let mut expected = [directory.new_key(), directory.new_key()];
    expected.sort();
    let texts: Vec<_> = expected.iter().map(ToString::to_string).collect();
    assert_eq!(list(&directory), texts);

    let exported = picot(&["keys", "export", &texts[0], "--data", directory.path()]);
    assert_eq!(exported.code, 0);
    assert!(exported.out.starts_with("sec1"));
    assert!(exported.err.contains("whoever has this key has the coins"));

    let removed = picot(&[
        "keys",
        "remove",
        &texts[0],
        "--yes",
        "--data",
        directory.path(),
    ]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert_eq!(list(&directory), texts[1..]);

    let file = directory.0.path().join("secret.txt");
    std::fs::write(&file, &exported.out).unwrap();
    let file = file.to_str().unwrap();
    let import = [
        "keys",
        "import",
        "--secret-file",
        file,
        "--data",
        directory.path(),
    ];
    let imported = picot(&import);
    assert_eq!(imported.code, 0, "{imported:?}");
    assert!(imported.out.contains(&texts[0]));
    assert_eq!(list(&directory), texts);

    let again = picot(&import);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("has the key of addr1"), "{again:?}");
}

#[test]
fn the_first_key_makes_the_directory_and_asks_for_a_passphrase_twice() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("deep/data");
    let data = data.to_str().unwrap();
    let ended = picot_with(
        &["keys", "new", "--data", data],
        &mut FakePrompt::answering(&["word", "word"]),
        None,
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("made key file"));
    let passphrase = Some(Passphrase::new("word".to_owned()));
    let listed = picot_with(
        &["keys", "list", "--data", data],
        &mut FakePrompt::nobody(),
        passphrase,
    );
    assert_eq!(listed.out.lines().count(), 1, "{listed:?}");
}

#[test]
fn passphrases_that_differ_make_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let ended = picot_with(
        &["keys", "new", "--data", data.to_str().unwrap()],
        &mut FakePrompt::answering(&["one", "other"]),
        None,
    );
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains("the two that were typed differ"),
        "{ended:?}"
    );
    assert!(!data.exists());
}

#[test]
fn a_wrong_passphrase_is_told_and_changes_nothing() {
    let directory = DevDirectory::new();
    directory.new_key();
    let wrong = Some(Passphrase::new("wrong".to_owned()));
    let before = std::fs::read(directory.layout().keys_file()).unwrap();
    let ended = picot_with(
        &["keys", "new", "--data", directory.path()],
        &mut FakePrompt::nobody(),
        wrong,
    );
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .err
            .starts_with("error: cannot use the wallet: wrong passphrase"),
        "{ended:?}"
    );
    assert_eq!(
        std::fs::read(directory.layout().keys_file()).unwrap(),
        before
    );
}

#[test]
fn a_corrupt_key_file_is_told_with_its_name() {
    let directory = DevDirectory::new();
    let file = directory.layout().keys_file();
    std::fs::write(&file, "{\"version\": 1, \"ke").unwrap();
    let ended = picot(&["keys", "list", "--data", directory.path()]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains(file.to_str().unwrap()), "{ended:?}");
    assert!(ended.err.contains("cannot use the wallet"), "{ended:?}");
    assert!(
        ended.err.contains("hint: restore it from a copy"),
        "{ended:?}"
    );
}

#[test]
fn without_a_key_file_it_is_said_how_to_make_one() {
    let directory = DevDirectory::new();
    let ended = picot(&["keys", "list", "--data", directory.path()]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("there is no wallet file"), "{ended:?}");
    assert!(
        ended.err.contains("hint: `picot keys new` makes one"),
        "{ended:?}"
    );
}

#[test]
fn without_a_passphrase_and_a_person_it_is_said_how_to_give_one() {
    let directory = DevDirectory::new();
    directory.new_key();
    std::fs::remove_file(directory.layout().dev_passphrase_file()).unwrap();
    let ended = picot(&["keys", "list", "--data", directory.path()]);
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .err
            .contains("no passphrase for the wallet: none was given"),
        "{ended:?}"
    );
    assert!(ended.err.contains("PICOT_PASSPHRASE"), "{ended:?}");
}

#[test]
fn a_key_is_removed_only_when_that_is_confirmed() {
    let directory = DevDirectory::new();
    let address = directory.new_key().to_string();
    let remove = ["keys", "remove", &address, "--data", directory.path()];
    let unasked = picot(&remove);
    assert_eq!(unasked.code, 2);
    assert!(
        unasked.err.contains("`--yes` says that it is meant"),
        "{unasked:?}"
    );
    let declined = picot_with(&remove, &mut FakePrompt::answering(&["no"]), None);
    assert_eq!(declined.code, 1);
    assert!(declined.err.contains("nothing was removed"), "{declined:?}");
    assert_eq!(list(&directory), [address.as_str()]);
    let confirmed = picot_with(&remove, &mut FakePrompt::answering(&["remove"]), None);
    assert_eq!(confirmed.code, 0, "{confirmed:?}");
    assert!(list(&directory).is_empty());
}

#[test]
fn a_key_that_is_not_there_is_neither_removed_nor_exported() {
    let directory = DevDirectory::new();
    directory.new_key();
    let other = mocks::address(9).to_string();
    for arguments in [
        ["keys", "remove", &other, "--yes"].as_slice(),
        &["keys", "export", &other],
    ] {
        let ended = picot(&[arguments, &["--data", directory.path()]].concat());
        assert_eq!(ended.code, 1);
        assert!(
            ended
                .err
                .contains(&format!("the wallet has no key of {other}")),
            "{ended:?}"
        );
        assert!(ended.err.contains("`picot keys list`"), "{ended:?}");
    }
}

#[test]
fn a_secret_key_that_is_typed_wrong_is_refused_without_being_shown() {
    let directory = DevDirectory::new();
    let secret = export_secret_key(&mocks::key(1));
    let import = ["keys", "import", "--data", directory.path()];
    let address = mocks::address(1).to_string();
    let wrong_kind = picot_with(&import, &mut FakePrompt::answering(&[&address]), None);
    assert!(
        wrong_kind
            .err
            .contains("expected a secret key (`sec1…`), got an address"),
        "{wrong_kind:?}"
    );
    let mistyped = picot_with(&import, &mut FakePrompt::answering(&[&secret[..40]]), None);
    assert_eq!(mistyped.code, 1);
    assert!(!mistyped.err.contains(&secret[..20]), "{mistyped:?}");
    assert!(
        !directory.layout().keys_file().exists(),
        "and no file was made for it"
    );
    let good = picot_with(&import, &mut FakePrompt::answering(&[&secret]), None);
    assert!(good.out.contains(&address), "{good:?}");
    let nobody = picot(&import);
    assert_eq!(nobody.code, 2);
    assert!(nobody.err.contains("--secret-file"), "{nobody:?}");
}

#[test]
fn a_file_without_a_secret_key_is_named() {
    let directory = DevDirectory::new();
    let file = directory.0.path().join("notes.txt");
    std::fs::write(&file, "no key at all").unwrap();
    let file = file.to_str().unwrap();
    let import = ["keys", "import", "--secret-file", file];
    let ended = picot(&[&import[..], &["--data", directory.path()]].concat());
    assert_eq!(ended.code, 1);
    let expected = format!("error: the text in {file} is no secret key: ");
    assert!(ended.err.starts_with(&expected), "{ended:?}");
    assert!(!ended.err.contains("no key at all"), "{ended:?}");
}

#[test]
fn programs_get_json() {
    let directory = DevDirectory::new();
    let address = directory.new_key().to_string();
    let json = |command: &str, more: &[&str]| -> serde_json::Value {
        let arguments = [
            &["keys", command],
            more,
            &["--json", "--data", directory.path()],
        ]
        .concat();
        serde_json::from_str(&picot(&arguments).out).unwrap()
    };
    assert_eq!(json("list", &[])["addresses"][0], address.as_str());
    let exported = json("export", &[&address]);
    assert!(exported["secret_key"].as_str().unwrap().starts_with("sec1"));
    assert_eq!(
        json("remove", &[&address, "--yes"])["address"],
        address.as_str()
    );
}
