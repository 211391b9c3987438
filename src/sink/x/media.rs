//! Pictures on X: they are handed over before the post that shows them. One that X does not take is left out, and the post goes
//! without it.
//!
//! Sources: docs.x.com, "Upload media" (`media`, `media_category`; 5 MB an image) and "Create Media metadata" (`alt_text`, 1000
//! characters at most).

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::json;

use super::{X, number_of};
use crate::message::brief::Part;
use crate::sink::picture::{self, Image};
use crate::sink::{Parcel, SendError};

impl X {
    /// Hands over the picture of a post in its language, described in words; gives its number, or none when X does not have it in
    /// time.
    pub(super) async fn upload(&self, parcel: &Parcel, part: &Part) -> Option<String> {
        picture::before_post(parcel, part, |image| self.hand_over(parcel, image)).await
    }

    async fn hand_over(&self, parcel: &Parcel, image: Image) -> Result<String, String> {
        let url = self.method("media/upload");
        let alt = image.alt.clone();
        let answer = self.access.request(("POST", &url, parcel.now), |headers| {
            let (image, url) = (image.clone(), &url);
            Box::pin(async move {
                let form = form(image).map_err(|why| SendError::Never { why })?;
                let sent = self.receiver.send_form((Method::POST, url), headers, form, picture::BEFORE_POST).await;
                sent.map_err(|why| SendError::Unknown { why })
            })
        });
        let answer = answer.await.map_err(|why| why.to_string())?;
        let id = number_of(&answer).filter(|_| answer.status.is_success()).ok_or(answer.words)?;
        let url = self.method("media/metadata");
        let described = json!({ "id": id, "metadata": { "alt_text": { "text": alt } } });
        let answer = self.access.request(("POST", &url, parcel.now), |headers| {
            Box::pin(self.receiver.post_json(&url, headers, &described))
        });
        let answer = answer.await.map_err(|why| why.to_string())?;
        // A picture that cannot be described says nothing to those who do not see it; the text says it all, so it is shown.
        if !answer.status.is_success() {
            tracing::debug!("X did not take the description of a picture: {}", answer.words);
        }
        Ok(id)
    }
}

fn form(image: Image) -> Result<Form, String> {
    let form = Form::new().text("media_category", "tweet_image").text("media_type", "image/png");
    Ok(form.part("media", image.part()?))
}
