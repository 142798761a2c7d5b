//! Writes the seeds of every parser to `corpus/NAME/`, and its words to `NAME.dict`,
//! where cargo-fuzz looks for them: `cargo run --bin seeds` in the folder `fuzz`.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    for parser in unmask_tests::fuzz::all() {
        let folder = Path::new("corpus").join(parser.name());
        fs::create_dir_all(&folder)?;
        for (number, seed) in parser.seeds().into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
        let escaped = |word: &[u8]| word.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        let lines = parser.words().iter().map(|word| {
            let word: String = escaped(word);
            format!("\"{word}\"\n")
        });
        // libFuzzer takes no empty file.
        let words: String = std::iter::once(format!("# Words of {}\n", parser.name()))
            .chain(lines)
            .collect();
        fs::write(
            Path::new("corpus").join(format!("{}.dict", parser.name())),
            words,
        )?;
    }
    Ok(())
}
