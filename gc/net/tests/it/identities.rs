//! Identities on disk.

use privet_net::{Identity, IdentityError};
use std::{fs, path::PathBuf};

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("privet-net-{}-{name}", std::process::id()));
        let _absent = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _absent = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_identity_survives_the_disk_and_is_not_replaced() {
    let dir = Dir::new("survives");
    let made = Identity::create(&dir.0.join("deep/er")).unwrap();
    let at = dir.0.join("deep/er");
    assert_eq!(
        Identity::load(&at).unwrap().fingerprint(),
        made.fingerprint()
    );
    assert!(matches!(
        Identity::create(&at),
        Err(IdentityError::Exists { .. })
    ));
    assert_eq!(
        Identity::load(&at).unwrap().fingerprint(),
        made.fingerprint()
    );
    assert_ne!(
        Identity::generate().unwrap().fingerprint(),
        made.fingerprint()
    );
}

#[cfg(unix)]
#[test]
fn keys_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new("private");
    Identity::create(&dir.0).unwrap();
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let key = dir.0.join("key.pem");
    assert_eq!((mode(&dir.0), mode(&key)), (0o700, 0o600));
    for open in [0o640, 0o604, 0o660] {
        fs::set_permissions(&key, fs::Permissions::from_mode(open)).unwrap();
        let error = Identity::load(&dir.0).unwrap_err();
        assert!(matches!(error, IdentityError::Exposed { mode, .. } if mode == open));
        assert!(error.to_string().contains("chmod 600"));
    }
}

#[test]
fn files_that_are_no_identity_are_named() {
    let dir = Dir::new("wrong");
    assert!(matches!(
        Identity::load(&dir.0),
        Err(IdentityError::File { .. })
    ));
    Identity::create(&dir.0).unwrap();
    let other = Dir::new("other");
    Identity::create(&other.0).unwrap();
    fs::copy(
        other.0.join("certificate.pem"),
        dir.0.join("certificate.pem"),
    )
    .unwrap();
    let error = Identity::load(&dir.0).unwrap_err().to_string();
    assert!(error.contains("belongs to another key"), "{error}");
    fs::write(dir.0.join("certificate.pem"), "nothing").unwrap();
    assert!(matches!(
        Identity::load(&dir.0),
        Err(IdentityError::Content { .. })
    ));
    fs::write(dir.0.join("key.pem"), [0xff; 10]).unwrap();
    assert!(Identity::load(&dir.0).is_err());
}

#[test]
fn a_key_does_not_print() {
    let identity = Identity::generate().unwrap();
    assert!(format!("{identity:?}").contains("elided"));
}
