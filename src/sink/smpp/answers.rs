//! What the numbers mean by which a centre answers.
//!
//! Only what it says of the telephone itself ends the tries. Every other refusal, whether of the password, the sender or a parameter, is
//! about how things are set up, and someone may set it right while the storm lasts.
//!
//! Source: SMPP 3.4, 5.1.3.

use rusmpp::CommandStatus;

/// What a centre's answer means for one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It took it.
    Taken,
    /// It will never take anything for this telephone.
    Refused,
    /// It is being told too much at once: all are to wait a little, and this is said again.
    Slower,
    /// It has no room: all are to wait a little.
    Full,
    /// It did not take it.
    Later,
}

/// Numbers, their names, and what to do about them.
const NAMES: &[(u32, &str, &str)] = &[
    (0x00, "ESME_ROK", ""),
    (0x01, "ESME_RINVMSGLEN", "have the operator allow the full length of a segment"),
    (0x02, "ESME_RINVCMDLEN", ""),
    (0x03, "ESME_RINVCMDID", "see that the account may send"),
    (0x04, "ESME_RINVBNDSTS", "see that the account may send"),
    (0x05, "ESME_RALYBND", "another session holds the bind: end that, or have the operator allow one more"),
    (0x06, "ESME_RINVPRTFLG", "have the operator allow priorities 0 and 1"),
    (0x08, "ESME_RSYSERR", ""),
    (0x0a, "ESME_RINVSRCADR", "see that the account may send from `from`"),
    (0x0b, "ESME_RINVDSTADR", ""),
    (
        0x0d,
        "ESME_RBINDFAIL",
        "see `system_id`, `system_type` and `password`, and that the operator knows the address of this machine",
    ),
    (0x0e, "ESME_RINVPASWD", "see what `password` names"),
    (0x0f, "ESME_RINVSYSID", "see `system_id`"),
    (0x14, "ESME_RMSGQFUL", ""),
    (0x15, "ESME_RINVSERTYP", "have the operator allow the empty service type"),
    (0x43, "ESME_RINVESMCLASS", "have the operator allow joined segments"),
    (0x45, "ESME_RSUBMITFAIL", ""),
    (0x48, "ESME_RINVSRCTON", "see that the account may send from `from`"),
    (0x49, "ESME_RINVSRCNPI", "see that the account may send from `from`"),
    (0x50, "ESME_RINVDSTTON", "have the operator allow international numbers"),
    (0x51, "ESME_RINVDSTNPI", "have the operator allow international numbers"),
    (0x53, "ESME_RINVSYSTYP", "see `system_type`"),
    (0x58, "ESME_RTHROTTLED", "see `window`, and `rate` of the channel"),
    (0x61, "ESME_RINVSCHED", ""),
    (0x62, "ESME_RINVEXPIRY", "have the operator allow a validity period"),
    (0xff, "ESME_RUNKNOWNERR", ""),
];

/// What an answer means.
pub(super) fn meaning(status: CommandStatus) -> Meaning {
    match u32::from(status) {
        0x00 => Meaning::Taken,
        0x0b => Meaning::Refused,
        0x14 => Meaning::Full,
        0x58 => Meaning::Slower,
        _ => Meaning::Later,
    }
}

/// An answer in words, with what to do about it.
pub(super) fn words(status: CommandStatus) -> String {
    let number = u32::from(status);
    match NAMES.iter().find(|(known, _, _)| *known == number) {
        Some((_, name, "")) => format!("answered {name} (0x{number:08x})"),
        Some((_, name, help)) => format!("answered {name} (0x{number:08x}); {help}"),
        None => format!("answered 0x{number:08x}; the operator knows what that means"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_telephone_ends_the_tries() {
        for number in 0..0x0500 {
            let meaning = meaning(CommandStatus::from(number));
            assert_eq!(meaning == Meaning::Taken, number == 0, "{number:#x}");
            assert_eq!(meaning == Meaning::Refused, number == 0x0b, "{number:#x}");
        }
    }

    #[test]
    fn an_answer_is_told_by_name_number_and_what_to_do() {
        let words = |number: u32| words(CommandStatus::from(number));
        assert_eq!(words(0x0e), "answered ESME_RINVPASWD (0x0000000e); see what `password` names");
        assert_eq!(words(0x08), "answered ESME_RSYSERR (0x00000008)");
        assert_eq!(words(0x0421), "answered 0x00000421; the operator knows what that means");
    }
}
