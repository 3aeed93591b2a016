//! The scenes of the desktop itself, by what they are about.

mod desktop;
mod terminal;
mod themes;
mod windows;

use crate::scene::Scene;

/// All of them, in the order they are played.
pub fn all() -> Vec<Scene> {
    let rooms = [
        desktop::scenes(),
        windows::scenes(),
        terminal::scenes(),
        themes::scenes(),
    ];
    rooms.into_iter().flatten().collect()
}

/// A command for a terminal that shows a text and then waits for input, which it shows as typed.
const NOTE: [&str; 3] = [
    "/bin/sh",
    "-c",
    "printf '\\033]2;Note\\007A note.\\n'; exec cat",
];
/// Another, to tell two windows apart.
const LIST: [&str; 3] = [
    "/bin/sh",
    "-c",
    "printf '\\033]2;List\\007\\033[1mOne\\033[0m\\nTwo\\nThree\\n'; exec cat",
];
/// Colours, styles, lines and letters.
const COLOURS: [&str; 3] = [
    "/bin/sh",
    "-c",
    "for i in 0 1 2 3 4 5 6 7; do printf \"\\033[3${i}m colour \\033[9${i}m bright \
     \\033[4${i}m    \\033[10${i}m    \\033[0m\\n\"; done; \
     printf '\\033[1mbold \\033[3mitalic\\033[0m \\033[4munder\\033[0m \
     \\033[4:3mcurly\\033[0m \\033[9mstruck\\033[0m \\033[7mreverse\\033[0m\\n'; \
     printf '┌──┬──┐ ╔══╦══╗ ╭──╮ ▁▂▃▄▅▆▇█\\n│  │  │ ║  ║  ║ │  │ ░▒▓█\\n\
     └──┴──┘ ╚══╩══╝ ╰──╯ ▘▝▖▗▚▞\\n'; exec cat",
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_scene_has_a_name_of_its_own() {
        let mut names: Vec<_> = super::all()
            .iter()
            .map(|scene| scene.name().to_owned())
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count >= 10);
    }
}
