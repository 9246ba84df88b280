//! Who a party is: a key pair, known to others by its fingerprint.

use crate::error::{IdentityError, describe};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ED25519, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    str::FromStr,
};
use zeroize::Zeroizing;

const KEY_FILE: &str = "key.pem";
const CERTIFICATE_FILE: &str = "certificate.pem";
/// The largest file that can be a key or a certificate, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// A party's key pair with the self-signed certificate that carries its public half.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    fingerprint: Fingerprint,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            certificate: self.certificate.clone(),
            key: self.key.clone_key(),
            fingerprint: self.fingerprint,
        }
    }
}

impl Identity {
    /// A new identity that lives in memory alone.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        let (key_pem, certificate_pem) = new_pems()?;
        Self::from_pems(
            &key_pem,
            &certificate_pem,
            Path::new(KEY_FILE),
            Path::new(CERTIFICATE_FILE),
        )
    }

    /// Makes a new identity and writes it to `dir`: the directory with mode 0700 if it is new,
    /// `key.pem` with mode 0600, and `certificate.pem`.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] when there is a key already, [`IdentityError::File`] when the
    /// files cannot be written.
    pub fn create(dir: &Path) -> Result<Self, IdentityError> {
        create_private_dir(dir).map_err(|e| file_error(dir, &e))?;
        let (key_path, certificate_path) = paths(dir);
        let (key_pem, certificate_pem) = new_pems()?;
        write_new(&key_path, &key_pem)?;
        // A certificate without a key is the rest of an identity that is no more.
        match fs::remove_file(&certificate_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file_error(&certificate_path, &error));
            }
            _ => write_new(&certificate_path, &certificate_pem)?,
        }
        Self::from_pems(&key_pem, &certificate_pem, &key_path, &certificate_path)
    }

    /// Reads the identity in `dir`.
    ///
    /// # Errors
    /// [`IdentityError::Exposed`] when other users can read the key, [`IdentityError::File`] when
    /// a file is missing, [`IdentityError::Content`] when the files are not a key and its
    /// certificate.
    pub fn load(dir: &Path) -> Result<Self, IdentityError> {
        let (key_path, certificate_path) = paths(dir);
        let key_pem = read_bounded(&key_path, true)?;
        let certificate_pem = read_bounded(&certificate_path, false)?;
        Self::from_pems(&key_pem, &certificate_pem, &key_path, &certificate_path)
    }

    /// What others know this party by.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    fn from_pems(
        key_pem: &str,
        certificate_pem: &str,
        key_path: &Path,
        certificate_path: &Path,
    ) -> Result<Self, IdentityError> {
        let refuse = |path: &Path, reason: &str| IdentityError::Content {
            path: path.into(),
            reason: reason.into(),
        };
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|_| refuse(key_path, "is not a private key in PEM form"))?;
        let pair = KeyPair::from_pem(key_pem)
            .map_err(|_| refuse(key_path, "is not a key of a supported kind"))?;
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|_| refuse(certificate_path, "is not a certificate in PEM form"))?;
        let parsed = webpki::EndEntityCert::try_from(&certificate)
            .map_err(|_| refuse(certificate_path, "is not an X.509 certificate"))?;
        let public = parsed.subject_public_key_info();
        if *public != *pair.subject_public_key_info() {
            return Err(refuse(certificate_path, "belongs to another key"));
        }
        let fingerprint = Fingerprint::of_public_key(&public);
        Ok(Self {
            certificate,
            key,
            fingerprint,
        })
    }
}

fn paths(dir: &Path) -> (PathBuf, PathBuf) {
    (dir.join(KEY_FILE), dir.join(CERTIFICATE_FILE))
}

/// A new Ed25519 key and its certificate, both as PEM.
fn new_pems() -> Result<(Zeroizing<String>, String), IdentityError> {
    let generate = |e: rcgen::Error| IdentityError::Generate(e.to_string());
    let key = KeyPair::generate_for(&PKCS_ED25519).map_err(generate)?;
    let mut params = CertificateParams::new(vec!["privet".to_owned()]).map_err(generate)?;
    params.distinguished_name.push(DnType::CommonName, "privet");
    let certificate = params.self_signed(&key).map_err(generate)?;
    Ok((Zeroizing::new(key.serialize_pem()), certificate.pem()))
}

fn file_error(path: &Path, error: &io::Error) -> IdentityError {
    IdentityError::File {
        path: path.into(),
        reason: describe(error),
    }
}

fn create_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn write_new(path: &Path, content: &str) -> Result<(), IdentityError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            IdentityError::Exists { path: path.into() }
        } else {
            file_error(path, &error)
        }
    })?;
    file.write_all(content.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|e| file_error(path, &e))
}

fn read_bounded(path: &Path, private: bool) -> Result<Zeroizing<String>, IdentityError> {
    let failed = |e: &io::Error| file_error(path, e);
    let file = fs::File::open(path).map_err(|e| failed(&e))?;
    if private {
        refuse_exposed(path, &file)?;
    }
    // Reserved at once: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
    file.take(MAX_FILE)
        .read_to_string(&mut text)
        .map_err(|e| failed(&e))?;
    Ok(text)
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, file: &fs::File) -> Result<(), IdentityError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file
        .metadata()
        .map_err(|e| file_error(path, &e))?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(IdentityError::Exposed {
            path: path.into(),
            mode,
        })
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path, _file: &fs::File) -> Result<(), IdentityError> {
    Ok(())
}

/// The SHA-256 of a public key (its `SubjectPublicKeyInfo`), written `sha256:` and 64
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a DER-encoded `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn of_public_key(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }

    /// The hash itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let refuse = || IdentityError::Fingerprint {
            text: text.chars().take(80).collect(),
        };
        let digits = text.trim().strip_prefix("sha256:").ok_or_else(refuse)?;
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let mut hash = [0; 32];
        for (i, byte) in hash.iter_mut().enumerate() {
            let pair = digits.get(2 * i..2 * i + 2).ok_or_else(refuse)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refuse())?;
        }
        Ok(Self(hash))
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_survives_its_text() {
        // FIPS 180-4: SHA-256 of "abc".
        let fingerprint = Fingerprint::of_public_key(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(text.parse(), Ok(fingerprint));
        assert_eq!(
            text.to_uppercase().replace("SHA", "sha").parse(),
            Ok(fingerprint)
        );
        for bad in [
            "",
            "sha256:",
            &text[..70],
            &text[7..],
            &text.replace('b', "g"),
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
        assert!(
            format!("sha256:{}", "\u{e9}".repeat(32))
                .parse::<Fingerprint>()
                .is_err()
        );
    }
}
