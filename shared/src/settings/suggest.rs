//! "Did you mean": the known key nearest to an unknown one.

/// Least similarity of two words that one may be a slip of the other, 0 to 1.
const SIMILARITY_MIN: f64 = 0.6;

/// What to tell about an unknown `field`: its nearest neighbour in the same
/// table, else a key of the same name elsewhere, else all keys of the table.
pub(super) fn hint(field: &str, siblings: &[String], elsewhere: &[String]) -> String {
    if let Some(near) = nearest(field, siblings) {
        return format!("did you mean `{near}`?");
    }
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
    if let Some(key) = elsewhere
        .iter()
        .find(|key| last(key).as_deref() == Some(field))
    {
        return format!("did you mean `{key}`?");
    }
    match siblings {
        [] => "no setting has this name".into(),
        _ => format!("known here are {}", siblings.join(", ")),
    }
}

/// The most similar of `known`, if it is similar enough.
pub(super) fn nearest<'a>(word: &str, known: &'a [String]) -> Option<&'a str> {
    let similarity = |other: &str| strsim::normalized_damerau_levenshtein(word, other);
    known
        .iter()
        .map(|other| (similarity(other), other.as_str()))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = words("epochs seed learning_rate");
        assert_eq!(nearest("epoch", &known), Some("epochs"));
        assert_eq!(nearest("lerning_rate", &known), Some("learning_rate"));
        assert_eq!(nearest("camera", &known), None);
    }

    #[test]
    fn a_key_of_another_table_is_pointed_at() {
        let hint = hint("epochs", &words("data train"), &words("train.epochs"));
        assert_eq!(hint, "did you mean `train.epochs`?");
    }
}
