//! Pictures on their way to a service: an image made of a frozen card, and what is told when it could not be shown.
//!
//! It never fails a delivery: by then the text has arrived, and says all that the picture does.

use std::time::Duration;

use crate::message::card::png;
use crate::message::picture::Picture;

/// How long the pictures of a message may take, on top of its text: with the longest `timeout` of a channel, a delivery still ends
/// well within its lease.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// The longest description of a picture that services take, in characters.
pub(super) const MAX_ALT: usize = 1000;

/// A picture as an image.
pub(super) struct Image {
    /// How it is called: `warning-ar.png`.
    pub(super) name: String,
    /// A PNG.
    pub(super) bytes: Vec<u8>,
    /// The same in words.
    pub(super) alt: String,
}

impl Image {
    /// As one part of a form.
    pub(super) fn part(self) -> Result<reqwest::multipart::Part, String> {
        let part = reqwest::multipart::Part::bytes(self.bytes).file_name(self.name);
        part.mime_str("image/png").map_err(|why| why.to_string())
    }
}

/// Makes images of all pictures of a message, away from what must not wait.
///
/// # Errors
/// A sentence when one could not be made: then none is shown, since a language must not seem to be left out.
pub(super) async fn images(pictures: &[Picture]) -> Result<Vec<Image>, String> {
    let pictures = pictures.to_vec();
    let made = tokio::task::spawn_blocking(move || pictures.into_iter().map(image).collect());
    made.await.map_err(|why| format!("the picture could not be made: {why}"))?
}

fn image(Picture { language, alt, svg }: Picture) -> Result<Image, String> {
    let bytes = png(&svg).map_err(|why| why.to_string())?;
    Ok(Image { name: format!("warning-{}.png", language.tag()), bytes, alt: alt.chars().take(MAX_ALT).collect() })
}

/// What a receipt says of pictures that were to be shown after the text.
pub(super) fn shown(sent: Result<(), String>) -> String {
    match sent {
        Ok(()) => String::new(),
        Err(why) => format!("; without its picture: {why}"),
    }
}
