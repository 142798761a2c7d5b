//! What the fuzz targets have in common.

/// Panics inside of a library that the parser catches are no findings; libFuzzer's own hook
/// would end the search at them. It still sees those that nobody catches.
pub fn bear_caught_panics() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}

/// A target that hands bytes to the parser of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        thread_local! {
            static PARSER: std::cell::RefCell<Box<dyn unmask_tests::fuzz::Parser>> =
                std::cell::RefCell::new({
                    $crate::bear_caught_panics();
                    unmask_tests::fuzz::by_name($name).expect("built in")
                });
        }
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            PARSER.with_borrow_mut(|parser| parser.take(bytes));
        });
    };
}
