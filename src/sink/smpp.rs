//! Text messages to telephones, straight to an SMS centre by SMPP 3.4, where a ministry or an operator gives a bind instead of a gateway.
//!
//! Each try of a message has a session of its own: connect, bind as a transmitter, submit, unbind; and never two of one channel at once,
//! since many centres let nobody bind twice. Each telephone gets one message a language, its segments one after the other. Who has which
//! is kept over tries and restarts. SMPP knows no key for "seen it": where an answer got lost, a telephone may get a second copy, whose
//! segments bear the same reference as the first: whatever a telephone joins of both is the same text. Told means that the centre has taken
//! it; it is asked for no receipts. Of its answers nothing is read but numbers, and no number of a telephone is ever shown.
//!
//! The session is built in by the feature `smpp` alone. Without it a channel of this kind is read and checked, and refused.
//!
//! Sources: Short Message Peer to Peer Protocol Specification v3.4, issue 1.2 (4.1 bind, 4.4 submit_sm, 5.1.3 command_status, 5.2
//! parameters, 7.1.1 validity), 3GPP TS 23.038 (alphabets), TS 23.040, 9.2.3.24.1 (joined segments).

#[cfg(feature = "smpp")]
mod answers;
#[cfg(feature = "smpp")]
mod centre;
#[cfg(feature = "smpp")]
mod segments;
#[cfg(feature = "smpp")]
mod session;
mod settings;
#[cfg(feature = "smpp")]
mod wire;

use std::sync::Arc;

use self::settings::Settings;
use super::price::Price;
use super::{Kind, Opener, Sink, World};
use crate::message::Form;

/// How many messages may wait for their answer at once, at most.
pub const MAX_WINDOW: i64 = 100;

/// What is said by a program that cannot speak to any centre.
const LACKS: &str = "this nadhir was built without smpp; build it with `cargo build --release --features smpp`";

/// The kind.
pub const KIND: Kind = Kind {
    name: "smpp",
    about: "sends each message to telephones as text messages, straight to an SMS centre by SMPP 3.4, where that is built in",
    example: r#"# Only a nadhir that was built with `cargo build --release --features smpp` speaks to an SMS centre. What it is
# sent in English is in the centre's default alphabet, which is to be that of GSM (data_coding 0); what is in Arabic is in UCS-2 (8).
[duty-phones]
kind = "smpp"
server = "smsc.example.sa"               # the SMS centre, as the operator names it
security = "tls"                         # or "none": password and messages lie open, so only where the line runs through a VPN
port = 3550                              # left out: 3550 for tls, 2775 for none
ca = "smsc-ca.pem"                       # an authority to trust beside those of this machine, if the centre has one of its own
system_id = "nadhir"                     # who we are there; at most 15 letters
password = { file = "smpp.password" }    # at most 8 letters, SMPP takes no more; or { credential = "…" } with systemd
system_type = "ALERT"                    # only where the operator asks for it
from = "MAKKAH"                          # a name of up to 11 letters, a number with +, or a short code; as the operator allows
to = ["+966500000001"]                   # up to 100; more stand in a file, one a line: recipients = "phones.txt"
window = 10                              # how many messages may wait for their answer at once, 1 to 100; as the operator allows
price = "0.045 SAR"                      # of one segment: `nadhir preview` then tells what a warning costs
timeout = "15s"                          # for one message to one telephone, at most 60s
"#,
    parse: |table| settings::parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Sms
    }

    fn takes(&self, form: Form) -> bool {
        form == Form::Sms
    }

    fn price(&self) -> Option<(Price, Option<usize>)> {
        Some((self.price?, self.people.count()))
    }

    fn lacks(&self) -> Option<&'static str> {
        (!cfg!(feature = "smpp")).then_some(LACKS)
    }

    #[cfg(feature = "smpp")]
    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        Ok(Arc::new(centre::Smpp::open(self, world)?))
    }

    #[cfg(not(feature = "smpp"))]
    fn open(&self, _: &World) -> Result<Arc<dyn Sink>, String> {
        Err(LACKS.to_owned())
    }
}
