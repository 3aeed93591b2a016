//! The retained tree: one node for each element of the last view, keeping its state while the element
//! stays the same kind at the same place or key.

use ochre_raster::Rect;

use crate::anim::Anim;
use crate::element::{Element, Style};
use crate::widget::{State, Widget};

/// A node's name for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub(crate) u64);

pub(crate) struct Node<M> {
    pub id: NodeId,
    pub widget: Box<dyn Widget<M>>,
    pub style: Style,
    pub key: Option<String>,
    pub state: State,
    /// In physical pixels of the window, scrolled.
    pub rect: Rect,
    /// The part of the window where it can show.
    pub clip: Rect,
    pub children: Vec<Node<M>>,
}

/// Gives out node names.
#[derive(Default)]
pub(crate) struct Names(u64);

impl Names {
    fn next(&mut self) -> NodeId {
        self.0 += 1;
        NodeId(self.0)
    }
}

/// What a new view changed about the nodes.
#[derive(Default)]
pub(crate) struct Changes {
    /// A new widget that takes the keyboard.
    pub autofocus: Option<NodeId>,
}

impl<M> Node<M> {
    /// Makes `element` the node's description, keeping what lasts.
    pub fn build(
        old: Option<Node<M>>,
        element: Element<M>,
        names: &mut Names,
        changes: &mut Changes,
    ) -> Node<M> {
        let kept =
            old.filter(|old| old.widget.kind() == element.widget.kind() && old.key == element.key);
        let (id, mut state, rect, clip, old_children) = match kept {
            Some(old) => (old.id, old.state, old.rect, old.clip, old.children),
            None => {
                let id = names.next();
                let on = Anim::at(element.widget.is_on());
                if element.widget.autofocus() {
                    changes.autofocus = Some(id);
                }
                let state = State {
                    on,
                    ..State::default()
                };
                (id, state, Rect::EMPTY, Rect::EMPTY, Vec::new())
            }
        };
        state.on.aim(element.widget.is_on());
        element.widget.sync(&mut state);
        let mut pool: Vec<Option<Node<M>>> = old_children.into_iter().map(Some).collect();
        let children = element
            .children
            .into_iter()
            .enumerate()
            .map(|(at, child)| {
                let old = take_match(&mut pool, at, &child);
                Node::build(old, child, names, changes)
            })
            .collect();
        Node {
            id,
            widget: element.widget,
            style: element.style,
            key: element.key,
            state,
            rect,
            clip,
            children,
        }
    }

    pub fn find(&self, id: NodeId) -> Option<&Node<M>> {
        if self.id == id {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(id))
    }

    pub fn find_mut(&mut self, id: NodeId) -> Option<&mut Node<M>> {
        if self.id == id {
            return Some(self);
        }
        self.children
            .iter_mut()
            .find_map(|child| child.find_mut(id))
    }

    /// Every node, parents first.
    pub fn visit<'n>(&'n self, look: &mut impl FnMut(&'n Node<M>)) {
        look(self);
        for child in &self.children {
            child.visit(look);
        }
    }

    pub fn visit_mut(&mut self, look: &mut impl FnMut(&mut Node<M>)) {
        look(self);
        for child in &mut self.children {
            child.visit_mut(look);
        }
    }

    /// The topmost node at a point that `wanted` holds for.
    pub fn hit(&self, x: i32, y: i32, wanted: &impl Fn(&Node<M>) -> bool) -> Option<NodeId> {
        if !self.clip.contains(x, y) {
            return None;
        }
        let child = self
            .children
            .iter()
            .rev()
            .find_map(|child| child.hit(x, y, wanted));
        child.or_else(|| (self.rect.contains(x, y) && wanted(self)).then_some(self.id))
    }
}

/// The old node for a child: the one with its key, or the one at its place.
fn take_match<M>(pool: &mut [Option<Node<M>>], at: usize, child: &Element<M>) -> Option<Node<M>> {
    if child.key.is_some() {
        let same = pool
            .iter_mut()
            .find(|slot| slot.as_ref().is_some_and(|old| old.key == child.key))?;
        return same.take();
    }
    let slot = pool.get_mut(at)?;
    if slot.as_ref().is_some_and(|old| old.key.is_none()) {
        slot.take()
    } else {
        None
    }
}
