//! Gzip members (RFC 1952): header, deflate data, and a trailer with checksum and length.

use flate2::{Crc, Decompress};

use crate::policy::http::decoding::inflate::{Reason, Run, inflate};

/// A decoder of gzip members.
pub struct Gzip {
    inflate: Decompress,
    crc: Crc,
    part: Part,
}

/// The part of a member that is being read.
enum Part {
    Header(Header),
    Data,
    Trailer { bytes: [u8; 8], read: usize },
}

impl Gzip {
    pub fn new() -> Self {
        Self { inflate: Decompress::new(false), crc: Crc::new(), part: Part::Header(Header::default()) }
    }

    /// Prepares for the next member.
    pub fn reset(&mut self) {
        self.inflate.reset(false);
        self.crc.reset();
        self.part = Part::Header(Header::default());
    }

    /// Whether all data has been read, and nothing of the trailer.
    pub fn lacks_trailer_only(&self) -> bool {
        matches!(self.part, Part::Trailer { read: 0, .. })
    }

    /// Decodes what is there of the input.
    pub fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
        let mut read = 0;
        if let Part::Header(header) = &mut self.part {
            read = header.read(input)?;
            if header.field != Field::None {
                return Ok(Run { read, ..Run::default() });
            }
            self.part = Part::Data;
        }
        let mut written = 0;
        if let Part::Data = self.part {
            let run = inflate(&mut self.inflate, &input[read..], output)?;
            (read, written) = (read + run.read, run.written);
            self.crc.update(&output[..written]);
            if run.ended {
                self.part = Part::Trailer { bytes: [0; 8], read: 0 };
            }
        }
        let mut ended = false;
        if let Part::Trailer { bytes, read: before } = &mut self.part {
            let more = (input.len() - read).min(bytes.len() - *before);
            bytes[*before..*before + more].copy_from_slice(&input[read..read + more]);
            *before += more;
            read += more;
            if *before == bytes.len() {
                let (sum, length) = bytes.split_at(4);
                if sum != self.crc.sum().to_le_bytes() {
                    return Err(Reason::Checksum);
                }
                if length != self.crc.amount().to_le_bytes() {
                    return Err(Reason::Length);
                }
                ended = true;
            }
        }
        Ok(Run { read, written, ended })
    }
}

/// The header of a member, as far as it has been read.
#[derive(Default)]
struct Header {
    field: Field,
    /// Bytes of the current field so far.
    read: usize,
    flags: u8,
    /// Bytes of the extra field.
    extra: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Fixed,
    ExtraLength,
    Extra,
    Name,
    Comment,
    Checksum,
    None,
}

impl Header {
    const BEGINNING: [u8; 3] = [0x1f, 0x8b, 8];
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const RESERVED: u8 = 0xe0;

    /// Reads as much of the input as belongs to the header, and returns the number of its bytes.
    fn read(&mut self, input: &[u8]) -> Result<usize, Reason> {
        let mut read = 0;
        while self.field != Field::None && read < input.len() {
            let byte = input[read];
            read += 1;
            let is_done = match self.field {
                Field::Fixed => {
                    if Self::BEGINNING.get(self.read).is_some_and(|expected| *expected != byte) {
                        return Err(Reason::Header);
                    }
                    if self.read == 3 {
                        self.flags = byte;
                        if byte & Self::RESERVED != 0 {
                            return Err(Reason::Header);
                        }
                    }
                    self.read == 9
                }
                Field::ExtraLength => {
                    self.extra |= usize::from(byte) << (8 * self.read);
                    self.read == 1
                }
                Field::Extra => self.read + 1 == self.extra,
                Field::Name | Field::Comment => byte == 0,
                // The checksum of the header is not verified.
                Field::Checksum => self.read == 1,
                Field::None => true,
            };
            self.read += 1;
            if is_done {
                self.field = self.next();
                self.read = 0;
            }
        }
        Ok(read)
    }

    /// The next field that the flags announce.
    fn next(&self) -> Field {
        let fields = [
            (Field::ExtraLength, Self::EXTRA),
            (Field::Extra, if self.extra > 0 { Self::EXTRA } else { 0 }),
            (Field::Name, Self::NAME),
            (Field::Comment, Self::COMMENT),
            (Field::Checksum, Self::CHECKSUM),
        ];
        let behind = fields.into_iter().filter(|(field, _)| *field as u8 > self.field as u8);
        behind.into_iter().find(|(_, flag)| self.flags & flag != 0).map_or(Field::None, |(field, _)| field)
    }
}
