//! The code that leads to a bulletin: a QR code as one path, at level M, which bears a seventh of it being unreadable.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// The longest address that becomes a code, in bytes: its points can still be told apart by a telephone.
pub(super) const MAX_ADDRESS_LEN: usize = 120;

/// A code within a square of so many modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    /// The dark modules as an SVG path.
    pub(super) path: String,
    modules: i32,
}

impl Code {
    /// How many modules a side of the square has.
    pub(super) fn side(&self) -> f64 {
        f64::from(self.modules)
    }
}

/// The code of an address; none for one that is too long.
pub(super) fn of(address: &str) -> Option<Code> {
    if MAX_ADDRESS_LEN < address.len() {
        return None;
    }
    let code = QrCode::encode_text(address, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|at| code.get_module(*at, y)).count();
            if 0 < run {
                let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += i32::try_from(run).unwrap_or(i32::MAX).saturating_add(1);
        }
    }
    Some(Code { path, modules: code.size() })
}
