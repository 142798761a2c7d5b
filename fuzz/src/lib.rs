//! What the fuzz targets have in common.

/// A target that hands bytes to the parser of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        thread_local! {
            static PARSER: std::cell::RefCell<Box<dyn unmask_tests::fuzz::Parser>> =
                std::cell::RefCell::new(unmask_tests::fuzz::by_name($name).expect("built in"));
        }
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            PARSER.with_borrow_mut(|parser| parser.take(bytes));
        });
    };
}
