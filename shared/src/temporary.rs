//! Errors about files that nobody has asked for.

use std::io;
use std::string::ToString;

/// What the system said of a temporary file, without that file's name: who reads the message knows
/// the file that was to be written, and the other one is gone.
pub fn without_temporary_name(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((cause, _)) if error.get_ref().is_some() => {
            io::Error::new(error.kind(), cause.to_string())
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_temporary_file_is_not_told() {
        let error = tempfile::NamedTempFile::new_in("/nowhere/at/all").expect_err("no folder");
        assert!(error.to_string().contains("/nowhere"), "{error}");
        let kind = error.kind();
        let plain = without_temporary_name(error);
        assert!(!plain.to_string().contains("/nowhere"), "{plain}");
        assert!(plain.to_string().contains("No such file"), "{plain}");
        assert_eq!(plain.kind(), kind);
        let other = io::Error::from_raw_os_error(28);
        assert_eq!(without_temporary_name(other).raw_os_error(), Some(28));
    }
}
