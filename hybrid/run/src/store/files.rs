//! The file operations that a store needs, behind a trait: a test may fail or undo any of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// A file that is being written.
pub trait Sink: Write + Send {
    /// Returns once the content is on the medium.
    ///
    /// # Errors
    /// The machine's.
    fn sync(&mut self) -> io::Result<()>;
}

/// Held while a process uses a store; given back by dropping it.
pub trait Held: Send + Sync {}

/// The file operations that a store needs.
///
/// A name that was made, renamed or removed is certain to survive a power loss only after
/// [`Files::sync_dir`] of its folder, content only after [`Sink::sync`] or [`Files::sync`].
pub trait Files: Send + Sync {
    /// Makes a folder for this user alone, with its parents; one that exists stays as it is.
    ///
    /// # Errors
    /// The machine's.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;

    /// Permission bits, where the system has them.
    ///
    /// # Errors
    /// The machine's.
    fn mode(&self, path: &Path) -> io::Result<Option<u32>>;

    /// Locks a file, which is made if need be; `None` when another process holds it.
    ///
    /// # Errors
    /// The machine's.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>>;

    /// A new file for this user alone.
    ///
    /// # Errors
    /// The machine's; a file that exists is one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>>;

    /// Opens a file for reading: its size in bytes and its content.
    ///
    /// # Errors
    /// The machine's.
    fn open(&self, path: &Path) -> io::Result<(u64, Box<dyn Read + Send>)>;

    /// Replaces the content by zeros, as many, and syncs it.
    ///
    /// # Errors
    /// The machine's.
    fn erase(&self, path: &Path) -> io::Result<()>;

    /// Gives up a file's content; its name stays. Nothing is synced.
    ///
    /// # Errors
    /// The machine's.
    fn empty(&self, path: &Path) -> io::Result<()>;

    /// Syncs the content of an existing file.
    ///
    /// # Errors
    /// The machine's.
    fn sync(&self, path: &Path) -> io::Result<()>;

    /// Renames within a folder, at once or not at all; replaces what has the name.
    ///
    /// # Errors
    /// The machine's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The machine's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// The machine's.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;

    /// Syncs the names in a folder; the empty path, the parent of a bare name, is the current one.
    ///
    /// # Errors
    /// The machine's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in a folder, in no order; none where the folder does not exist.
    ///
    /// # Errors
    /// The machine's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
}

/// The machine's own files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Held for File {}

impl Files for Disk {
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir)
    }

    #[cfg(unix)]
    fn mode(&self, path: &Path) -> io::Result<Option<u32>> {
        use std::os::unix::fs::PermissionsExt;
        Ok(Some(fs::metadata(path)?.permissions().mode() & 0o777))
    }

    #[cfg(not(unix))]
    fn mode(&self, _: &Path) -> io::Result<Option<u32>> {
        Ok(None)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        private(&mut options);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        Ok(Box::new(options.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<(u64, Box<dyn Read + Send>)> {
        let file = File::open(path)?;
        Ok((file.metadata()?.len(), Box::new(file)))
    }

    fn erase(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let size = file.metadata()?.len();
        io::copy(&mut io::repeat(0).take(size), &mut file)?;
        file.sync_all()
    }

    fn empty(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).open(path)?.set_len(0)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        // Some systems sync only what is open for writing.
        OpenOptions::new().write(true).open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(dir)
    }

    #[cfg(unix)]
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = match dir.as_os_str().is_empty() {
            true => Path::new("."),
            false => dir,
        };
        File::open(dir)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}
