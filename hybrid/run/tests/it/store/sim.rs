//! A disk that forgets what was not synced, and a wire that breaks; both run on one fuse.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};

use privet_run::RunError;
use privet_run::store::drive::Wire;
use privet_run::store::{Files, Held, Sink};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::it::models::Stream;

#[derive(Clone, Default)]
struct Inode {
    data: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Clone)]
enum Change {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

#[derive(Clone, Default)]
struct Dir {
    now: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    log: Vec<Change>,
    /// The folder's own name is synced.
    named: bool,
}

impl Dir {
    fn change(&mut self, change: Change) {
        apply(&mut self.now, &change);
        self.log.push(change);
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Change::Unlink(name) => {
            names.remove(name);
        }
        Change::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

/// What a restored backup restores.
#[derive(Clone, Default)]
pub(crate) struct Image {
    inodes: Vec<Inode>,
    dirs: BTreeMap<PathBuf, Dir>,
}

struct World {
    image: Image,
    random: Stream,
    locked: bool,
    /// Operations until the machine dies.
    fuse: Option<u64>,
    /// Bytes that still fit on the disk.
    room: Option<usize>,
    ticks: u64,
    dead: bool,
}

/// A machine: its disk, and the fuse that ends it in the middle of anything.
#[derive(Clone)]
pub(crate) struct Machine(Arc<Mutex<World>>);

/// What an operation that finds the machine dying does.
#[derive(PartialEq)]
enum Fate {
    Done,
    DoneButUntold,
    Undone,
}

fn crashed() -> io::Error {
    io::Error::other("the machine died")
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Self {
        let mut image = Image::default();
        for path in ["/", "/machine"] {
            let named = Dir {
                named: true,
                ..Dir::default()
            };
            image.dirs.insert(path.into(), named);
        }
        Self(Arc::new(Mutex::new(World {
            image,
            random: Stream(seed),
            locked: false,
            fuse: None,
            room: None,
            ticks: 0,
            dead: false,
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub(crate) fn set_fuse(&self, fuse: Option<u64>) {
        let mut world = self.world();
        world.fuse = fuse;
        world.ticks = 0;
    }

    /// From now on only so many more bytes can be written.
    pub(crate) fn set_room(&self, room: Option<usize>) {
        self.world().room = room;
    }

    pub(crate) fn ticks(&self) -> u64 {
        self.world().ticks
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.world().dead
    }

    pub(crate) fn image(&self) -> Image {
        self.world().image.clone()
    }

    /// Puts an old copy of everything back.
    pub(crate) fn restore(&self, image: Image) {
        self.world().image = image;
    }

    /// Starts again: after a mere kill everything written is there, after a power loss only what
    /// was synced is certain.
    pub(crate) fn restart(&self, power_loss: bool) {
        let mut world = self.world();
        world.dead = false;
        world.fuse = None;
        world.locked = false;
        if power_loss {
            lose(&mut world);
        }
    }

    /// Every byte that any file, also an unlinked one, still has.
    pub(crate) fn finds(&self, needle: &[u8]) -> bool {
        let world = self.world();
        let mut contents = world
            .image
            .inodes
            .iter()
            .flat_map(|inode| [&inode.data, &inode.synced]);
        contents.any(|bytes| bytes.windows(needle.len()).any(|w| w == needle))
    }

    /// Content of the files whose path ends so.
    pub(crate) fn contents(&self, ending: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let world = self.world();
        let mut found = Vec::new();
        for (path, dir) in &world.image.dirs {
            for (name, inode) in &dir.now {
                let path = path.join(name);
                if path.to_string_lossy().ends_with(ending) {
                    found.push((path, world.image.inodes[*inode].data.clone()));
                }
            }
        }
        found
    }

    /// Changes a file behind the store's back, or makes it.
    pub(crate) fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let (dir, name) = split(path);
        let found = world.image.dirs.get(&dir).and_then(|d| d.now.get(&name));
        let inode = match found {
            Some(inode) => *inode,
            None => {
                world.image.inodes.push(Inode::default());
                let inode = world.image.inodes.len() - 1;
                let dir = world.image.dirs.entry(dir).or_default();
                dir.now.insert(name.clone(), inode);
                dir.durable.insert(name, inode);
                inode
            }
        };
        let node = &mut world.image.inodes[inode];
        change(&mut node.data);
        node.synced = node.data.clone();
    }

    fn tick(&self) -> io::Result<(MutexGuard<'_, World>, Fate)> {
        let mut world = self.world();
        if world.dead {
            return Err(crashed());
        }
        world.ticks += 1;
        let fate = match &mut world.fuse {
            Some(0) => unreachable!("a fuse of zero"),
            Some(1) => {
                world.dead = true;
                if world.random.next() & 1 == 0 {
                    Fate::Undone
                } else {
                    Fate::DoneButUntold
                }
            }
            Some(left) => {
                *left -= 1;
                Fate::Done
            }
            None => Fate::Done,
        };
        Ok((world, fate))
    }

    /// One operation, which may be the machine's last.
    fn operate<T>(&self, work: impl FnOnce(&mut World) -> io::Result<T>) -> io::Result<T> {
        let (mut world, fate) = self.tick()?;
        if fate == Fate::Undone {
            return Err(crashed());
        }
        let outcome = work(&mut world);
        // What is dropped below may want the machine itself.
        drop(world);
        if fate == Fate::DoneButUntold {
            return Err(crashed());
        }
        outcome
    }
}

/// What is left after a power loss: of every folder's changes since its last sync a random first
/// part, of unsynced content the old, the new, or a part of the new.
fn lose(world: &mut World) {
    let World { image, random, .. } = world;
    let lost: Vec<PathBuf> = image
        .dirs
        .iter()
        .filter(|(_, dir)| !dir.named && random.next() & 1 == 0)
        .map(|(path, _)| path.clone())
        .collect();
    image
        .dirs
        .retain(|path, _| !lost.iter().any(|gone| path.starts_with(gone)));
    for dir in image.dirs.values_mut() {
        let kept = random.next() as usize % (dir.log.len() + 1);
        for change in &dir.log[..kept] {
            apply(&mut dir.durable, change);
        }
        dir.log.clear();
        dir.now = dir.durable.clone();
        dir.named = true;
    }
    for inode in &mut image.inodes {
        if inode.data != inode.synced {
            match random.next() % 3 {
                0 => inode.data = inode.synced.clone(),
                1 => {
                    let kept = random.next() as usize % (inode.data.len() + 1);
                    inode.data.truncate(kept);
                }
                _ => {}
            }
            inode.synced = inode.data.clone();
        }
    }
}

fn split(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    (path.parent().unwrap().to_owned(), name)
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl World {
    fn dir(&mut self, path: &Path) -> io::Result<&mut Dir> {
        self.image.dirs.get_mut(path).ok_or_else(missing)
    }

    fn find(&mut self, path: &Path) -> io::Result<usize> {
        let (dir, name) = split(path);
        self.dir(&dir)?.now.get(&name).copied().ok_or_else(missing)
    }
}

struct Writing {
    machine: Machine,
    inode: usize,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let inode = self.inode;
        self.machine.operate(|world| {
            let len = world.room.map_or(bytes.len(), |room| room.min(bytes.len()));
            if len == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            world.room = world.room.map(|room| room - len);
            let data = &mut world.image.inodes[inode].data;
            data.extend_from_slice(&bytes[..len]);
            Ok(len)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Writing {
    fn sync(&mut self) -> io::Result<()> {
        let inode = self.inode;
        self.machine.operate(|world| {
            let node = &mut world.image.inodes[inode];
            node.synced = node.data.clone();
            Ok(())
        })
    }
}

struct Lock(Machine);

impl Held for Lock {}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.world().locked = false;
    }
}

impl Files for Machine {
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        self.operate(|world| {
            for path in dir.ancestors() {
                world.image.dirs.entry(path.to_owned()).or_default();
            }
            Ok(())
        })
    }

    fn mode(&self, _: &Path) -> io::Result<Option<u32>> {
        Ok(None)
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn Held>>> {
        let machine = self.clone();
        self.operate(|world| {
            if world.locked {
                return Ok(None);
            }
            world.locked = true;
            Ok(Some(Box::new(Lock(machine)) as Box<dyn Held>))
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>> {
        let machine = self.clone();
        let (dir, name) = split(path);
        self.operate(|world| {
            let inode = world.image.inodes.len();
            let dir = world.dir(&dir)?;
            if dir.now.contains_key(&name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            dir.change(Change::Link(name, inode));
            world.image.inodes.push(Inode::default());
            Ok(Box::new(Writing { machine, inode }) as Box<dyn Sink>)
        })
    }

    fn open(&self, path: &Path) -> io::Result<(u64, Box<dyn Read + Send>)> {
        self.operate(|world| {
            let inode = world.find(path)?;
            let data = world.image.inodes[inode].data.clone();
            let size = data.len() as u64;
            Ok((
                size,
                Box::new(io::Cursor::new(data)) as Box<dyn Read + Send>,
            ))
        })
    }

    fn erase(&self, path: &Path) -> io::Result<()> {
        self.operate(|world| {
            let inode = world.find(path)?;
            let node = &mut world.image.inodes[inode];
            node.data.fill(0);
            node.synced = node.data.clone();
            Ok(())
        })
    }

    fn empty(&self, path: &Path) -> io::Result<()> {
        self.operate(|world| {
            let inode = world.find(path)?;
            world.image.inodes[inode].data.clear();
            Ok(())
        })
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.operate(|world| {
            let inode = world.find(path)?;
            let node = &mut world.image.inodes[inode];
            node.synced = node.data.clone();
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((dir, from), (_, to)) = (split(from), split(to));
        self.operate(|world| {
            let dir = world.dir(&dir)?;
            if !dir.now.contains_key(&from) {
                return Err(missing());
            }
            dir.change(Change::Rename(from, to));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = split(path);
        self.operate(|world| {
            let dir = world.dir(&dir)?;
            if !dir.now.contains_key(&name) {
                return Err(missing());
            }
            dir.change(Change::Unlink(name));
            Ok(())
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|world| {
            let dir = world.dir(path)?;
            if !dir.now.is_empty() {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            world.image.dirs.remove(path);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|world| {
            let dir = world.dir(path)?;
            dir.durable = dir.now.clone();
            dir.log.clear();
            for (child, dir) in &mut world.image.dirs {
                dir.named |= child.parent() == Some(path);
            }
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.operate(|world| {
            let Ok(dir) = world.dir(path) else {
                return Ok(Vec::new());
            };
            let mut names: Vec<String> = dir.now.keys().cloned().collect();
            for child in world.image.dirs.keys() {
                if child.parent() == Some(path) {
                    names.push(split(child).1);
                }
            }
            Ok(names)
        })
    }
}

/// One end of a wire between two machines.
pub(crate) struct Pipe {
    machine: Machine,
    sender: Sender<Vec<u8>>,
    receiver: Receiver<Vec<u8>>,
}

/// The two ends of a wire.
pub(crate) fn pipes(client: &Machine, server: &Machine) -> (Pipe, Pipe) {
    let ((to_server, from_client), (to_client, from_server)) = (channel(), channel());
    let end = |machine: &Machine, sender, receiver| Pipe {
        machine: machine.clone(),
        sender,
        receiver,
    };
    (
        end(client, to_server, from_server),
        end(server, to_client, from_client),
    )
}

fn broken() -> RunError {
    RunError::Incompatible("the wire broke".to_owned())
}

impl Wire for Pipe {
    fn send<T: Serialize>(&mut self, message: &T) -> Result<(), RunError> {
        let bytes = postcard::to_allocvec(message).unwrap();
        let sender = &self.sender;
        self.machine
            .operate(|_| sender.send(bytes).map_err(|_| crashed()))
            .map_err(|_| broken())
    }

    fn recv<T: DeserializeOwned>(&mut self) -> Result<T, RunError> {
        self.machine.operate(|_| Ok(())).map_err(|_| broken())?;
        let bytes = self.receiver.recv().map_err(|_| broken())?;
        match postcard::take_from_bytes(&bytes) {
            Ok((message, [])) => Ok(message),
            _ => Err(RunError::PeerMisbehaved("no such message".to_owned())),
        }
    }
}
