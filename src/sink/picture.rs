//! Pictures on their way to a service: an image made of a frozen card, and what is told when it could not be shown.
//!
//! It never fails a delivery: by then the text has arrived, and says all that the picture does.

use std::time::Duration;

use super::Parcel;
use crate::message::brief::Part;
use crate::message::card::{MAX_ALT_LEN, png};
use crate::message::picture::Picture;

/// How long the pictures of a message may take, on top of its text: with the longest `timeout` of a channel, a delivery still ends
/// well within its lease.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// A picture as an image.
#[derive(Clone)]
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
    Ok(Image { name: format!("warning-{}.png", language.tag()), bytes, alt: alt.chars().take(MAX_ALT_LEN).collect() })
}

/// How long a picture may keep the post waiting that shows it.
pub(super) const BEFORE_POST: Duration = Duration::from_secs(5);

/// Hands over the picture of a post in its language before the post, and gives what its service calls it; none when it is not taken in
/// time. A picture is tried with the first try alone: after it, the text is late enough.
pub(super) async fn before_post<T, F: Future<Output = Result<T, String>>>(
    parcel: &Parcel,
    part: &Part,
    hand_over: impl FnOnce(Image) -> F,
) -> Option<T> {
    let picture = parcel.pictures.iter().find(|picture| picture.language == part.language)?;
    if 1 < parcel.attempt {
        return None;
    }
    let handed_over = async {
        let image = images(std::slice::from_ref(picture)).await?.into_iter().next().ok_or("there is none")?;
        hand_over(image).await
    };
    let late = || Err(format!("it was not taken in {} s", BEFORE_POST.as_secs()));
    match tokio::time::timeout(BEFORE_POST, handed_over).await.unwrap_or_else(|_| late()) {
        Ok(shown) => Some(shown),
        Err(why) => {
            tracing::warn!(bulletin = %parcel.bulletin, "{} is posted without its picture: {why}", parcel.bulletin);
            None
        }
    }
}

/// What a receipt says of pictures that were to be shown after the text.
pub(super) fn shown(sent: Result<(), String>) -> String {
    match sent {
        Ok(()) => String::new(),
        Err(why) => format!("; without its picture: {why}"),
    }
}
