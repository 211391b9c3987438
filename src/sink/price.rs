//! What a message costs: an amount for each segment, exact to its digits.

use std::fmt;

/// How many digits may stand behind the point.
const DIGITS: usize = 4;

/// An amount of money for one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// In ten-thousandths.
    units: u64,
    /// As ISO 4217 has it: three letters.
    currency: [u8; 3],
}

impl Price {
    /// Reads `0.045 SAR`.
    ///
    /// # Errors
    /// A sentence when it is no amount with its currency.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no amount with its currency, such as `0.045 SAR`; up to {DIGITS} digits stand behind the point"
            )
        };
        let (amount, currency) = text.split_once(' ').ok_or_else(wrong)?;
        let currency: [u8; 3] = currency.as_bytes().try_into().map_err(|_| wrong())?;
        let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_amount =
            !whole.is_empty() && whole.len() <= 9 && part.len() <= DIGITS && is_digits(whole) && is_digits(part);
        if !is_amount || !currency.iter().all(u8::is_ascii_uppercase) {
            return Err(wrong());
        }
        let units: u64 = format!("{whole}{part:0<DIGITS$}").parse().map_err(|_| wrong())?;
        Ok(Self { units, currency })
    }

    /// What so many segments cost.
    pub fn times(self, count: u64) -> Self {
        Self { units: self.units.saturating_mul(count), ..self }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(DIGITS as u32);
        let part = format!("{:0DIGITS$}", self.units % scale);
        let part = part.trim_end_matches('0');
        write!(f, "{}.{part:0<2} {}", self.units / scale, String::from_utf8_lossy(&self.currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_exact_to_its_digits() {
        let told = |text: &str, count| Price::parse(text).unwrap().times(count).to_string();
        assert_eq!(told("0.045 SAR", 3), "0.135 SAR");
        assert_eq!(told("0.1 SAR", 3), "0.30 SAR");
        assert_eq!(told("2 USD", 563_458), "1126916.00 USD");
        assert_eq!(told("0.0079 USD", 0), "0.00 USD");
        for wrong in ["", "0.045", "0.045SAR", "0.00001 SAR", "-1 SAR", ".5 SAR", "1,5 SAR", "1 sar", "1 RIYAL"] {
            assert!(Price::parse(wrong).is_err(), "{wrong}");
        }
    }
}
