//! The digest: what several bulletins say in few words, gathered into one message for a channel that wants mild warnings told together.
//!
//! It is put together from texts that are frozen already, and adds no word of its own: the same bulletins give the same bytes.

use crate::message::brief::{self, Part};
use crate::message::{Form, PARTS, TEXT};

/// Between two warnings of one language.
const BETWEEN: &str = "\n\n";

/// The form in which what is gathered is frozen: what threatens whom and what to do, and what else goes into a few segments.
pub const FORM: Form = Form::Sms;

/// The type of what is put together.
pub const CONTENT_TYPE: &str = TEXT;

/// Whether a channel of this form can be told several at once.
pub fn goes_into(form: Form) -> bool {
    match form {
        Form::Text | Form::Chat | Form::Push => true,
        Form::Json | Form::Cap | Form::Post | Form::Sms | Form::Broadcast => false,
    }
}

/// Whether a frozen message waits to be gathered at a channel of this form.
pub fn is_gathered(content_type: &str, form: Form) -> bool {
    goes_into(form) && content_type == PARTS
}

/// Puts frozen bodies together, in their order, into as few messages as this form takes: how many of them each one holds, and its
/// text, each language by itself.
pub fn together(bodies: &[&str], form: Form) -> Vec<(usize, String)> {
    let holds = |text: &str| form.one_budget().is_none_or(|budget| budget.holds(text));
    let mut packed: Vec<(usize, String)> = Vec::new();
    let mut begun: Vec<Part> = Vec::new();
    for body in bodies {
        let parts = brief::read(body);
        let longer = added(&begun, &parts);
        let text = brief::in_one(&longer);
        match packed.last_mut() {
            Some(last) if holds(&text) => {
                *last = (last.0 + 1, text);
                begun = longer;
            }
            Some(_) | None => {
                packed.push((1, brief::in_one(&parts)));
                begun = parts;
            }
        }
    }
    packed
}

/// Parts with others beneath them, language by language.
fn added(begun: &[Part], more: &[Part]) -> Vec<Part> {
    let mut all = begun.to_vec();
    for part in more {
        match all.iter_mut().find(|one| one.language == part.language) {
            Some(one) => {
                one.text.push_str(BETWEEN);
                one.text.push_str(&part.text);
            }
            None => all.push(part.clone()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;
    use crate::message::text::RULE;

    fn body(ar: &str, en: &str) -> String {
        let part = |language, text: &str| Part { language, text: text.to_owned() };
        brief::whole(&[part(Language::Ar, ar), part(Language::En, en)]).unwrap()
    }

    #[test]
    fn each_language_stands_by_itself_and_the_order_is_kept() {
        let (first, second) = (body("أول", "first"), body("ثان", "second"));
        let told = together(&[&first, &second], Form::Chat);
        assert_eq!(told, [(2, format!("أول\n\nثان{RULE}first\n\nsecond"))]);
        assert_eq!(together(&[&first], Form::Chat), [(1, format!("أول{RULE}first"))]);
        assert_eq!(together(&[], Form::Chat), []);
    }

    #[test]
    fn what_does_not_go_into_one_message_goes_into_the_next_and_nothing_is_cut() {
        let long = body(&"ا".repeat(900), &"a".repeat(900));
        let bodies = [long.as_str(); 7];
        let told = together(&bodies, Form::Chat);
        assert_eq!(told.iter().map(|(count, _)| *count).collect::<Vec<_>>(), [2, 2, 2, 1]);
        assert!(told.iter().all(|(_, text)| text.encode_utf16().count() <= 4000));
        let whole = together(&bodies, Form::Text);
        assert_eq!(
            whole.iter().map(|(count, _)| *count).collect::<Vec<_>>(),
            [7],
            "a letter has no limit of this sort"
        );
    }
}
