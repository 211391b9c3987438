//! How numbers are shown to a person.

use super::table::{UNDEFINED, lead, share};

#[test]
fn what_has_no_value_is_not_shown_as_a_number() {
    assert_eq!([share(None), share(Some(0.0)), share(Some(0.666))], [UNDEFINED, "0.00", "0.67"]);
    let leads = [None, Some(0), Some(90 * 60), Some(-5 * 60), Some(7200)].map(lead);
    assert_eq!(leads, [UNDEFINED, "0min", "1h30", "late 5min", "2h"]);
}
