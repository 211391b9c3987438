//! Text messages to telephones, through a gateway: Twilio, Unifonic, or any that takes a request of the web for each message.
//!
//! Each telephone gets one message a language, in the languages of the channel. Who has which is kept over tries and restarts. No gateway
//! here knows a key for "seen it": where an answer got lost, a telephone may get a second copy. No number of a telephone is ever shown.
//!
//! Sources: Twilio's "Messages resource" and "Error and warning dictionary", Unifonic's "SMS API", 3GPP TS 23.038 and 23.040 (segments).

mod gateway;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use self::gateway::Gateway;
use super::http::{self, Receiver};
use super::people::People;
use super::price::Price;
use super::spread::{Heard, Spread};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::language::measure::Measure;
use crate::message::Form;
use crate::message::brief::{Budget, Part};
use crate::table::Table;

/// How many telephones are told of at once.
const AT_ONCE: usize = 4;

/// The kind.
pub const KIND: Kind = Kind {
    name: "sms",
    about: "sends each message to telephones as text messages, through Twilio, Unifonic or another gateway",
    example: r#"[duty-phones]
kind = "sms"
gateway = "unifonic"                     # or "twilio", with account = "AC…" and token; or "http", see below
token = { file = "unifonic.appsid" }     # the AppSid of Unifonic, the auth token of Twilio; or { credential = "…" }
from = "MAKKAH"                          # the sender's name or number; of Twilio also a messaging service, "MG…"
to = ["+966500000001"]                   # up to 100; more stand in a file, one a line: recipients = "phones.txt"
price = "0.045 SAR"                      # of one segment: `nadhir preview` then tells what a warning costs
timeout = "15s"                          # at most 60s

# Any other gateway, by what its requests are to hold:
# gateway = "http"
# url = "https://gateway.example/send"
# format = "json"                        # or "form"
# fields = { msisdn = "{to}", text = "{text}", sender = "{from}", ref = "{key}" }
# authorization = { file = "gateway.auth" }
# taken = "\"ok\""                       # words that stand in an answer which took it; left out, every 2xx did
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
struct Settings {
    gateway: gateway::Settings,
    from: String,
    people: People,
    price: Option<Price>,
    name: String,
    timeout: Duration,
}

impl fmt::Debug for Settings {
    /// Without a number of anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({:?}, {:?})", self.gateway, self.timeout)
    }
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let before = table.faults();
    let gateway = gateway::parse(table);
    let from = table.need_text("from", "\"MAKKAH\"", |text| {
        let is_sender = (1..=64).contains(&text.len()) && !text.chars().any(char::is_control);
        if is_sender { Ok(text.to_owned()) } else { Err("the sender is empty, or too long".to_owned()) }
    });
    let people = People::parse(table);
    let price = table.text("price", Price::parse).map(|found| found.value);
    let timeout = http::timeout(table);
    if before < table.faults() {
        return None;
    }
    let name = table.name().to_owned();
    Some(Settings { gateway: gateway?, from: from?.value, people, price, name, timeout: timeout? })
}

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

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let (gateway, place) = self.gateway.open(world)?;
        Ok(Arc::new(Sms {
            receiver: Receiver::new(world, place, self.timeout),
            gateway,
            from: self.from.clone(),
            people: self.people.clone(),
            dir: world.dir.clone(),
            spread: Spread::new(world.dir.join(format!("{}.progress", self.name)), "text messages", AT_ONCE),
        }))
    }
}

struct Sms {
    receiver: Receiver,
    gateway: Gateway,
    from: String,
    people: People,
    dir: PathBuf,
    spread: Spread,
}

impl Sink for Sms {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let parts = parcel.parts(Form::Sms)?;
            for part in &parts {
                http::check_length("a telephone", Measure::Segments.length(&part.text), Budget::SMS.limit, "segments")?;
            }
            let (messages, unread) = self.people.messages(&self.dir, &parts).await?;
            let tell = |(to, part): (String, Part)| -> BoxFuture<'_, Heard> {
                Box::pin(async move { self.tell(parcel, &to, &part).await })
            };
            self.spread.send(&parcel.key, messages, unread, tell).await.end
        })
    }

    /// Finds out whether the gateway can be reached. Whether it knows us, only a message shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            self.people.all(&self.dir).await.map_err(|why| why.to_string())?;
            self.receiver.reach_host(self.gateway.url()).await
        })
    }

    /// The telephones.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async {
            let (people, _) = self.people.all(&self.dir).await.map_err(|why| why.to_string())?;
            Ok(Some(people.len() as u64))
        })
    }
}

impl Sms {
    async fn tell(&self, parcel: &Parcel, to: &str, part: &Part) -> Heard {
        let message = gateway::Message { to, from: &self.from, text: &part.text, key: &parcel.key };
        let (url, headers, body) = self.gateway.request(&message);
        match self.receiver.post(&url, headers, body).await {
            Ok(answer) => self.gateway.heard(&self.receiver, &answer, parcel.now),
            Err(why) => Heard::from(Err(why)),
        }
    }
}
