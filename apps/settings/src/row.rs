//! A setting's row: what it is on the left, the control on the right.

use ochre_toolkit::widget::{Label, Tone};
use ochre_toolkit::{Element, Weight};

use crate::Message;

/// A heading above a group.
pub fn heading(text: &str) -> Element<Message> {
    let label = Label::new(text).weight(Weight::SemiBold);
    Element::column([Element::new(label)]).padding(ochre_toolkit::Padding {
        top: 26.0,
        right: 0.0,
        bottom: 10.0,
        left: 2.0,
    })
}

/// Title, explanation and control.
pub fn setting(title: &str, explanation: &str, control: Element<Message>) -> Element<Message> {
    let mut words = vec![Element::new(Label::new(title).weight(Weight::Medium))];
    if !explanation.is_empty() {
        words.push(Element::new(Label::small(explanation)));
    }
    Element::row([Element::column(words).gap(1.0).grow(1.0), control])
        .gap(24.0)
        .padding((13.0, 18.0))
        .min_height(58.0)
}

/// A name and its value.
pub fn fact(name: &str, value: &str) -> Element<Message> {
    Element::row([
        Element::new(Label::new(name).tone(Tone::Muted)).width(170.0),
        Element::new(Label::new(value)).grow(1.0),
    ])
    .gap(16.0)
    .padding((11.0, 18.0))
}
