//! PDUs on the wire: those that are written, whole; of those that are read, the head alone.
//!
//! What a centre says behind its head is skipped: there is nothing in it that a warning hangs on, and centres write it loosely.
//!
//! Source: SMPP 3.4, 3.2 (a head of four numbers).

use std::io;

use rusmpp::tokio_codec::CommandCodec;
use rusmpp::{Command, CommandId, CommandStatus};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::bytes::{Buf as _, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// The longest PDU that is read, in octets.
const MAX_LEN: usize = 64 * 1024;

/// How long a head is, in octets.
const HEAD: usize = 16;

/// What a session goes over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What is read of a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: CommandId,
    pub(super) status: CommandStatus,
    pub(super) sequence: u32,
}

/// Writes PDUs and reads their heads.
pub(super) struct Wire;

impl Encoder<Command> for Wire {
    type Error = io::Error;

    fn encode(&mut self, command: Command, to: &mut BytesMut) -> io::Result<()> {
        CommandCodec::new().encode(command, to).map_err(io::Error::other)
    }
}

impl Decoder for Wire {
    type Item = Head;
    type Error = io::Error;

    fn decode(&mut self, from: &mut BytesMut) -> io::Result<Option<Head>> {
        let Some(len) = from.first_chunk::<4>().map(|len| u32::from_be_bytes(*len)) else { return Ok(None) };
        let len = usize::try_from(len).ok().filter(|len| (HEAD..=MAX_LEN).contains(len));
        let len = len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what it says is not SMPP"))?;
        if from.len() < len {
            from.reserve(len - from.len());
            return Ok(None);
        }
        let mut pdu = from.split_to(len);
        pdu.advance(4);
        let (id, status, sequence) = (pdu.get_u32(), pdu.get_u32(), pdu.get_u32());
        Ok(Some(Head { id: CommandId::from(id), status: CommandStatus::from(status), sequence }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> io::Result<Option<Head>> {
        Wire.decode(&mut BytesMut::from(octets))
    }

    #[test]
    fn an_answer_is_read_whatever_stands_behind_its_head() {
        let head = [0x80, 0, 0, 4, 0, 0, 0, 0x58, 0, 0, 0, 9];
        let expected = Some(Head { id: CommandId::SubmitSmResp, status: CommandStatus::EsmeRthrottled, sequence: 9 });
        for behind in [&b""[..], b"\0", b"id-1\0", b"no end", b"\xff\xfe\0\x04\x00\xff", &[b'x'; 100]] {
            let len = u32::try_from(HEAD + behind.len()).unwrap().to_be_bytes();
            let whole = [&len[..], &head, behind].concat();
            assert_eq!(read(&whole).unwrap(), expected, "{behind:?}");
            assert_eq!(read(&whole[..whole.len() - 1]).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_pdu_is_not_waited_for() {
        assert_eq!(read(b"").unwrap(), None);
        for wrong in [&b"HTTP/1.1 400 Bad Request"[..], &[0, 0, 0, 15], &[0, 1, 0, 1], &[0xff; 16], &[0; 4]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
