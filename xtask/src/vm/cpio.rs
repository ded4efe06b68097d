// SPDX-License-Identifier: Apache-2.0
//! An initramfs: a cpio archive in the "newc" format of the kernel's buffer-format document.

use std::io::{self, Write};

/// Kinds of entry, with their permissions.
const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CONSOLE: u32 = 0o020_600;

/// Writes entries one after another. Everything belongs to root.
pub struct Archive<W> {
    out: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub fn new(out: W) -> Self {
        Self { out, entries: 0 }
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let size = u32::try_from(content.len()).map_err(|_| io::Error::other("a file of 4 GiB or more"))?;
        // Inode, mode, owner, group, links, time, size, device of the file, device it stands for, length of the name, check.
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            device.0,
            device.1,
            name.len() as u32 + 1,
            0,
        ];
        let mut head = b"070701".to_vec();
        for f in fields {
            write!(head, "{f:08x}")?;
        }
        head.extend(name.as_bytes());
        head.push(0);
        for part in [&head[..], content] {
            self.out.write_all(part)?;
            self.out
                .write_all(&[0; 3][..part.len().next_multiple_of(4) - part.len()])?;
        }
        Ok(())
    }

    pub fn directory(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, DIRECTORY, (0, 0), &[])
    }

    pub fn program(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.entry(name, PROGRAM, (0, 0), content)
    }

    /// The node that the kernel gives its first process to talk.
    pub fn console(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, CONSOLE, (5, 1), &[])
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout() {
        let mut out = Vec::new();
        let mut a = Archive::new(&mut out);
        a.directory("bin").unwrap();
        a.program("bin/x", b"12345").unwrap();
        a.finish().unwrap();
        assert_eq!(out.len() % 4, 0);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("07070100000001000041ed"));
        // Header and name, padded: 110 + 4, then 110 + 6 and 5 of content, padded to 8.
        assert_eq!(&text[116..122], "070701");
        assert_eq!(&text[116 + 110..116 + 116], "bin/x\0");
        assert_eq!(&text[116 + 116..116 + 124], "12345\0\0\0");
        assert!(text.contains("TRAILER!!!"));
    }
}
