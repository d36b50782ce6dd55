//! As much of a Cargo.toml as the walls need, read line by line.

use std::path::{Path, PathBuf};

/// One crate's manifest.
pub(super) struct Manifest {
    pub(super) folder: PathBuf,
    pub(super) name: String,
    /// (section, crate), e.g. (`dev-dependencies`, `testkit`).
    pub(super) dependencies: Vec<(String, String)>,
    pub(super) is_unpublished: bool,
    pub(super) has_house_lints: bool,
    /// Whether a dependency has another name here than its own.
    pub(super) renames: bool,
}

impl Manifest {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            folder: path.parent().expect("a folder").to_owned(),
            ..Self::parse(&text)
        }
    }

    fn parse(text: &str) -> Self {
        let mut manifest = Self {
            folder: PathBuf::new(),
            name: String::new(),
            dependencies: Vec::new(),
            is_unpublished: false,
            has_house_lints: false,
            renames: false,
        };
        let mut section = String::new();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
        {
            if let Some(header) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                section = header.trim_matches(['[', ']']).to_owned();
                // `[dependencies.name]`, `[target.'cfg(..)'.dependencies.name]`
                if let Some((kind, name)) = section
                    .rsplit_once('.')
                    .filter(|(kind, _)| kind.ends_with("dependencies"))
                {
                    manifest
                        .dependencies
                        .push((kind.to_owned(), name.to_owned()));
                }
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            if section.ends_with("dependencies") {
                let name = key.split('.').next().unwrap_or(key).trim_matches('"');
                manifest
                    .dependencies
                    .push((section.clone(), name.to_owned()));
            }
            manifest.renames |= section.contains("dependencies")
                && (value.contains("package =") || key == "package");
            match (section.as_str(), key, value) {
                ("package", "name", name) => manifest.name = name.trim_matches('"').to_owned(),
                ("package", "publish.workspace", "true") | ("package", "publish", "false") => {
                    manifest.is_unpublished = true;
                }
                ("lints", "workspace", "true") => manifest.has_house_lints = true,
                _ => {}
            }
        }
        manifest
    }
}

#[test]
fn dependencies_are_read_in_every_form() {
    let text = "[package]\nname = \"a\"\npublish.workspace = true\n[lints]\nworkspace = true\n\
        [dependencies]\nb.workspace = true\n# c = \"1\"\n\"d\" = { path = \"x\" }\n\
        [dev-dependencies]\ne = \"1\"\n[dependencies.f]\npath = \"y\"\n[target.'cfg(unix)'.dependencies]\ng = \"2\"";
    let manifest = Manifest::parse(text);
    let names: Vec<&str> = manifest
        .dependencies
        .iter()
        .map(|(_, name)| name.as_str())
        .collect();
    assert_eq!(names, ["b", "d", "e", "f", "g"]);
    assert_eq!(manifest.dependencies[2].0, "dev-dependencies");
    assert!(
        manifest.is_unpublished
            && manifest.has_house_lints
            && !manifest.renames
            && manifest.name == "a"
    );
    assert!(Manifest::parse("[dependencies]\nx = { package = \"tokio\" }").renames);
}
