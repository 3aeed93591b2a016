//! The layout pass: gives every node its rectangle, by flexbox in physical pixels.

use ochre_raster::Rect;
use taffy::{
    AlignItems, AvailableSpace, Dimension, FlexDirection, FlexWrap, JustifyContent,
    LengthPercentage, LengthPercentageAuto, Overflow, Point, Size, TaffyTree, compute_leaf_layout,
};

use crate::element::{Align, Direction, Justify, Length, Style};
use crate::tree::Node;
use crate::widget::{MeasureContext, Room};

/// Lays the tree out to fill `width` × `height`.
pub(crate) fn lay_out<M>(
    root: &mut Node<M>,
    width: i32,
    height: i32,
    context: &MeasureContext,
) -> Result<(), taffy::TaffyError> {
    let mut nodes: Vec<&Node<M>> = Vec::new();
    let mut flow: TaffyTree<usize> = TaffyTree::new();
    let top = grow(root, None, &mut flow, &mut nodes, context.scale)?;
    let mut whole = flow.style(top)?.clone();
    whole.size = Size {
        width: Dimension::length(width as f32),
        height: Dimension::length(height as f32),
    };
    flow.set_style(top, whole)?;
    let room = Size {
        width: AvailableSpace::Definite(width as f32),
        height: AvailableSpace::Definite(height as f32),
    };
    flow.compute_layout_with_measure(top, room, |input, _, node, style| {
        let widget = node.and_then(|at| nodes.get(*at)).map(|node| &node.widget);
        compute_leaf_layout(
            input,
            style,
            |_, _| 0.0,
            |known, available| {
                let width = known.width.or(match available.width {
                    AvailableSpace::Definite(width) => Some(width),
                    AvailableSpace::MinContent => Some(0.0),
                    AvailableSpace::MaxContent => None,
                });
                let measured = widget.and_then(|widget| widget.measure(Room { width }, context));
                let (width, height) = measured.unwrap_or((0.0, 0.0));
                Size {
                    width: known.width.unwrap_or(width),
                    height: known.height.unwrap_or(height),
                }
            },
        )
    })?;
    drop(nodes);
    place(root, &flow, top, (0, 0), Rect::new(0, 0, width, height))
}

/// Adds the node and its children to taffy's tree.
fn grow<'n, M>(
    node: &'n Node<M>,
    parent: Option<&Style>,
    flow: &mut TaffyTree<usize>,
    nodes: &mut Vec<&'n Node<M>>,
    scale: f32,
) -> Result<taffy::NodeId, taffy::TaffyError> {
    let style = taffy_style(&node.style, parent, scale);
    nodes.push(node);
    let leaf = flow.new_leaf_with_context(style, nodes.len() - 1)?;
    let mut children = Vec::with_capacity(node.children.len());
    for child in &node.children {
        children.push(grow(child, Some(&node.style), flow, nodes, scale)?);
    }
    if !children.is_empty() {
        flow.set_children(leaf, &children)?;
    }
    Ok(leaf)
}

/// Reads the result back, from the top.
fn place<M>(
    node: &mut Node<M>,
    flow: &TaffyTree<usize>,
    at: taffy::NodeId,
    origin: (i32, i32),
    clip: Rect,
) -> Result<(), taffy::TaffyError> {
    let layout = flow.layout(at)?;
    let (x, y) = (
        origin.0 + layout.location.x.round() as i32,
        origin.1 + layout.location.y.round() as i32,
    );
    node.rect = Rect::new(
        x,
        y,
        layout.size.width.round() as i32,
        layout.size.height.round() as i32,
    );
    node.clip = clip;
    let mut inner = clip;
    let mut top = y;
    if node.style.scrolls {
        let content = layout.scrollable_overflow_rect.bottom + layout.padding.bottom;
        node.state.scroll_most = (content.round() as i32 - node.rect.height).max(0);
        node.state.scroll = node.state.scroll.clamp(0, node.state.scroll_most);
        inner = clip.intersect(&node.rect);
        top -= node.state.scroll;
    }
    let children = flow.children(at)?;
    for (child, at) in node.children.iter_mut().zip(children) {
        place(child, flow, at, (x, top), inner)?;
    }
    Ok(())
}

fn taffy_style(style: &Style, parent: Option<&Style>, scale: f32) -> taffy::Style {
    let px = |logical: f32| (logical * scale).round();
    let length = |length: Length| match length {
        Length::Auto => Dimension::auto(),
        Length::Px(pixels) => Dimension::length(px(pixels)),
        Length::Part(part) => Dimension::percent(part),
    };
    let limit = |pixels: Option<f32>| match pixels {
        Some(pixels) => LengthPercentageAuto::length(px(pixels)),
        None => LengthPercentageAuto::auto(),
    };
    let side = |pixels: f32| LengthPercentage::length(px(pixels));
    let align = |align: Align| match align {
        Align::Start => AlignItems::FLEX_START,
        Align::Center => AlignItems::CENTER,
        Align::End => AlignItems::FLEX_END,
        Align::Stretch => AlignItems::STRETCH,
    };
    let mut min_size = Size {
        width: limit(style.min_width),
        height: limit(style.min_height),
    };
    // Growing along the parent means sharing its room, not pushing siblings out by the content.
    let along = parent.map(|parent| parent.direction);
    if style.grow > 0.0 && style.min_width.is_none() && along == Some(Direction::Row) {
        min_size.width = LengthPercentageAuto::length(0.0);
    }
    if (style.grow > 0.0 || style.scrolls)
        && style.min_height.is_none()
        && along == Some(Direction::Column)
    {
        min_size.height = LengthPercentageAuto::length(0.0);
    }
    // What scrolls keeps its height, or there would be nothing to scroll.
    let in_scroll = parent.is_some_and(|parent| parent.scrolls);
    taffy::Style {
        flex_direction: match style.direction {
            Direction::Row => FlexDirection::Row,
            Direction::Column => FlexDirection::Column,
        },
        flex_wrap: if style.wrap {
            FlexWrap::Wrap
        } else {
            FlexWrap::NoWrap
        },
        gap: Size {
            width: side(style.gap),
            height: side(style.gap),
        },
        padding: taffy::Rect {
            left: side(style.padding.left),
            right: side(style.padding.right),
            top: side(style.padding.top),
            bottom: side(style.padding.bottom),
        },
        size: Size {
            width: length(style.width),
            height: length(style.height),
        },
        min_size,
        max_size: Size {
            width: limit(style.max_width),
            height: LengthPercentageAuto::auto(),
        },
        flex_basis: style
            .basis
            .map_or(Dimension::auto(), |basis| Dimension::length(px(basis))),
        flex_grow: style.grow,
        flex_shrink: if style.rigid || in_scroll { 0.0 } else { 1.0 },
        align_items: align(style.align),
        align_self: style.align_self.map(align),
        justify_content: match style.justify {
            Justify::Start => JustifyContent::FLEX_START,
            Justify::Center => JustifyContent::CENTER,
            Justify::End => JustifyContent::FLEX_END,
            Justify::Between => JustifyContent::SPACE_BETWEEN,
        },
        overflow: if style.scrolls {
            Point {
                x: Overflow::Hidden,
                y: Overflow::Scroll,
            }
        } else {
            Point {
                x: Overflow::Visible,
                y: Overflow::Visible,
            }
        },
        ..taffy::Style::default()
    }
}
