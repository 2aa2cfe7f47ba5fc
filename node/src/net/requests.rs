//! Questions to one peer and their answers: bytes with their length in front.
//!
//! Two protocols share the form. Requests are the node's, and the network does not know what they
//! mean. Files are asked for by their SHA-256 and answered by the network itself, beside the node's
//! loop, which a picture must not hold up; an empty answer says that the peer does not have it.
//!
//! A frame is its length as four bytes, big end first, and the content. A length above the limit
//! ends the stream before anything is allocated; the content is read in pieces, so that a peer
//! pays for memory with bytes it really sends.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::request_response::{self, ProtocolSupport};

use super::limits;
use super::names::Names;

/// Request-response with byte strings.
pub type Behaviour = request_response::Behaviour<Codec>;

/// Bytes by which a buffer grows while a frame is read.
const PIECE: usize = 64 * 1024;

/// Request-response for this network.
#[must_use]
pub fn behaviour(names: &Names) -> Behaviour {
    Behaviour::with_codec(
        Codec::REQUESTS,
        [(names.request_protocol(), ProtocolSupport::Full)],
        request_response::Config::default()
            .with_request_timeout(limits::REQUEST_TIMEOUT)
            .with_max_concurrent_streams(limits::MAX_REQUEST_STREAMS),
    )
}

/// Files for this network.
#[must_use]
pub fn files(names: &Names) -> Behaviour {
    Behaviour::with_codec(
        Codec::FILES,
        [(names.file_protocol(), ProtocolSupport::Full)],
        request_response::Config::default()
            .with_request_timeout(limits::FILE_TIMEOUT)
            .with_max_concurrent_streams(limits::MAX_FILE_STREAMS),
    )
}

/// Reads and writes frames.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    most_request: usize,
    most_response: usize,
}

impl Codec {
    /// For the node's requests.
    pub const REQUESTS: Codec = Codec {
        most_request: limits::MAX_REQUEST_BYTES,
        most_response: limits::MAX_RESPONSE_BYTES,
    };

    /// For files.
    pub const FILES: Codec = Codec {
        most_request: limits::MAX_FILE_REQUEST_BYTES,
        most_response: limits::MAX_FILE_BYTES,
    };
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io, self.most_request).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io, self.most_response).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &request, self.most_request).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &response, self.most_response).await
    }
}

async fn read_frame<T: AsyncRead + Unpin + Send>(io: &mut T, most: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > most {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame of {length} bytes, {most} are allowed"),
        ));
    }
    let mut content = Vec::new();
    while content.len() < length {
        let start = content.len();
        content.resize(length.min(start + PIECE), 0);
        io.read_exact(&mut content[start..]).await?;
    }
    Ok(content)
}

async fn write_frame<T: AsyncWrite + Unpin + Send>(
    io: &mut T,
    content: &[u8],
    most: usize,
) -> io::Result<()> {
    let length = u32::try_from(content.len()).ok().filter(|_| content.len() <= most);
    let length = length.ok_or_else(|| io::Error::other("a frame above the limit"))?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(content).await?;
    io.flush().await
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_it_is_read() {
        let frame = u32::MAX.to_be_bytes();
        let refused = block_on(read_frame(&mut Cursor::new(frame), 100)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        // A frame that claims much and brings little costs little.
        let mut frame = 10_000_000_u32.to_be_bytes().to_vec();
        frame.extend([7; 10]);
        let cut = block_on(read_frame(&mut Cursor::new(frame), 20_000_000)).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        assert!(block_on(write_frame(&mut Cursor::new(Vec::new()), &[0; 11], 10)).is_err());
    }

    proptest! {
        #[test]
        fn frames_read_back_and_garbage_never_panics(
            content in proptest::collection::vec(any::<u8>(), 0..200_000),
            garbage in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut frame = Cursor::new(Vec::new());
            block_on(write_frame(&mut frame, &content, 200_000)).unwrap();
            let frame = frame.into_inner();
            prop_assert_eq!(block_on(read_frame(&mut &frame[..], 200_000)).unwrap(), content);
            let _ = block_on(read_frame(&mut &garbage[..], 200_000));
        }
    }
}
