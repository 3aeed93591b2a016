//! The access pass: the window as a screen reader knows it, and as tests find their way in it.

use accesskit::{
    Node as AccessNode, NodeId as AccessId, Rect as AccessRect, Role, TreeId, TreeInfo, TreeUpdate,
};

use crate::tree::{Node, NodeId};

const ROOT: AccessId = AccessId(0);

/// The whole tree, with the focused node.
pub(crate) fn describe<M>(root: &Node<M>, title: &str, focus: Option<NodeId>) -> TreeUpdate {
    let mut nodes = Vec::new();
    let children = add(root, &mut nodes);
    let mut window = AccessNode::new(Role::Window);
    window.set_label(title);
    window.set_children(children);
    nodes.push((ROOT, window));
    TreeUpdate {
        nodes,
        tree: Some(TreeInfo::new(ROOT)),
        tree_id: TreeId::ROOT,
        focus: focus.map_or(ROOT, |id| AccessId(id.0)),
    }
}

/// Adds the node, or its children where it says nothing itself.
fn add<M>(node: &Node<M>, nodes: &mut Vec<(AccessId, AccessNode)>) -> Vec<AccessId> {
    let children: Vec<AccessId> = node
        .children
        .iter()
        .flat_map(|child| add(child, nodes))
        .collect();
    let Some(mut access) = node.widget.access(&node.state) else {
        return children;
    };
    let rect = node.rect;
    access.set_bounds(AccessRect {
        x0: f64::from(rect.x),
        y0: f64::from(rect.y),
        x1: f64::from(rect.right()),
        y1: f64::from(rect.bottom()),
    });
    access.set_children(children);
    let id = AccessId(node.id.0);
    nodes.push((id, access));
    vec![id]
}
