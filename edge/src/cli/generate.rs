//! `unmask-edge generate`: manual pages and shell completions for packages, made
//! from the command line itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::Cli;
use crate::error::EdgeError;

/// Name of the program, as completions know it.
const PROGRAM: &str = "unmask-edge";

/// What to write.
#[derive(Debug, Subcommand)]
pub enum GenerateCommand {
    /// One manual page for the program and for each of its commands
    Man {
        /// Folder for them; made if it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Completions for bash, elvish, fish, powershell and zsh
    Completions {
        /// Folder for them; made if it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

impl GenerateCommand {
    /// Writes the files.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn run(&self) -> Result<(), EdgeError> {
        let (folder, written) = match self {
            Self::Man { folder } => (folder, manuals(folder)),
            Self::Completions { folder } => (folder, completions(folder)),
        };
        written.map_err(|cause| EdgeError::Generate {
            folder: folder.clone(),
            cause,
        })
    }
}

fn manuals(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}

fn completions(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, &mut Cli::command(), PROGRAM, folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_manual_page_and_every_shell_knows_them() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name| folder.path().join(name);
        let man = GenerateCommand::Man {
            folder: place("man"),
        };
        man.run().unwrap();
        let all = GenerateCommand::Completions {
            folder: place("completions"),
        };
        all.run().unwrap();
        let shell = |name| fs::read_to_string(place("completions").join(name)).unwrap();
        let bash = shell("unmask-edge.bash");
        let fish = shell("unmask-edge.fish");
        let command = Cli::command();
        for command in command.get_subcommands().filter(|c| !c.is_hide_set()) {
            let name = command.get_name();
            let page = place("man").join(format!("unmask-edge-{name}.1"));
            let page = fs::read_to_string(page).unwrap();
            assert!(page.contains(".TH"), "{page}");
            assert!(bash.contains(name) && fish.contains(name), "{name}");
        }
        assert!(place("man").join("unmask-edge-log-verify.1").exists());
        assert!(place("man").join("unmask-edge-generate.1").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let man = GenerateCommand::Man { folder: file };
        assert!(man.run().unwrap_err().to_string().contains("file"));
    }
}
