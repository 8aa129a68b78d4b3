//! Channels between a process and the one that it started. A message is a length, then so many bytes; a descriptor goes by itself.
//!
//! In: a socket. Out: whole messages. Never: more than a gigabyte taken on the word of a length.
#![expect(clippy::disallowed_methods, reason = "a device of the host")]

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const LONGEST: u32 = 1 << 30;

/// One end of a socket pair.
pub(crate) struct Channel(UnixStream);

impl Channel {
    /// Two ends that hear each other. Both close on exec.
    pub(crate) fn pair() -> io::Result<(Channel, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Channel(ours), theirs.into()))
    }

    /// The end that this process was started with, as its standard input; `/dev/null` takes that place.
    pub(crate) fn from_stdin() -> io::Result<Channel> {
        let end = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
        rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
        Ok(Channel(end.into()))
    }

    /// Says that nothing more will be sent. What the other end sends is still heard.
    pub(crate) fn shut_down_sending(&self) -> io::Result<()> {
        self.0.shutdown(std::net::Shutdown::Write)
    }

    /// Sends a descriptor, or word that there is none (`SCM_RIGHTS` of unix(7)).
    pub(crate) fn send_descriptor(&mut self, descriptor: Option<&OwnedFd>) -> io::Result<()> {
        let one = [descriptor.map(AsFd::as_fd)];
        let descriptors: &[BorrowedFd<'_>] = &one.into_iter().flatten().collect::<Vec<_>>();
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        sendmsg(&self.0, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for what [`Channel::send_descriptor`] sends. The descriptor closes on exec.
    pub(crate) fn receive_descriptor(&mut self) -> io::Result<Option<OwnedFd>> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let mut byte = [0];
        let mut slices = [IoSliceMut::new(&mut byte)];
        let got = recvmsg(&self.0, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if got.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        }))
    }

    /// Sends bytes.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).ok().filter(|len| *len <= LONGEST);
        let length = length.ok_or_else(|| io::Error::other(format!("a message of {} bytes", bytes.len())))?;
        self.0.write_all(&length.to_le_bytes())?;
        self.0.write_all(bytes)
    }

    /// Waits for a message. An end that is gone is `UnexpectedEof`.
    pub(crate) fn receive_bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > LONGEST {
            return Err(io::Error::other(format!("a message that claims {length} bytes")));
        }
        let mut bytes = Vec::new();
        (&self.0).take(length.into()).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == u64::from(length) {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Sends a value.
    pub(crate) fn send<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        self.send_bytes(&serde_json::to_vec(value).map_err(io::Error::other)?)
    }

    /// Waits for a value.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        serde_json::from_slice(&self.receive_bytes()?).map_err(io::Error::other)
    }
}

impl From<OwnedFd> for Channel {
    fn from(end: OwnedFd) -> Channel {
        Channel(end.into())
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
