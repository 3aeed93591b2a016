//! A theme in small: a window on the desktop, in the theme's own colours.

use ochre_toolkit::Painter;
use ochre_toolkit::raster::{Direction, Rect};
use ochre_toolkit::theme::Theme;

/// Paints the theme as a miniature.
pub fn miniature(theme: &Theme, rect: Rect, painter: &mut Painter) {
    let (tokens, metrics) = (&theme.tokens, &theme.metrics);
    let px = |painter: &Painter, logical: f32| painter.px(logical);
    let small = metrics.radius_small;
    let (top, bottom) = if theme.is_dark() {
        (theme.accent.oklch(3), theme.accent.oklch(1))
    } else {
        (theme.accent.oklch(3), theme.accent.oklch(6))
    };
    painter.fill(rect, metrics.radius_control, bottom.to_color());
    let sky = rect.inset(px(painter, 4.0));
    painter.gradient(sky, Direction::Down, top.to_color(), bottom.to_color());
    // A window with its title bar, sidebar, text lines and a primary button.
    let window = Rect::from_edges(
        rect.x + px(painter, 22.0),
        rect.y + px(painter, 18.0),
        rect.right() - px(painter, 22.0),
        rect.bottom() - px(painter, 16.0),
    );
    painter.fill(
        window.translate(0, px(painter, 2.0)).inset(-1),
        small,
        tokens.shadow.faded(40),
    );
    painter.fill(window, small, tokens.window);
    let bar = Rect {
        height: px(painter, 13.0),
        ..window
    };
    painter.fill(bar, small, tokens.titlebar);
    let dot = px(painter, 5.0);
    for at in 0..3 {
        let x = window.right() - px(painter, 9.0) - at * px(painter, 8.0);
        let color = if at == 0 { tokens.accent } else { tokens.track };
        let y = bar.y + (bar.height - dot) / 2;
        painter.fill(Rect::new(x, y, dot, dot), 3.0, color);
    }
    let side = Rect::from_edges(
        window.x,
        bar.bottom(),
        window.x + px(painter, 36.0),
        window.bottom(),
    );
    painter.fill(side, 0.0, tokens.sidebar);
    let line = |painter: &mut Painter, x: i32, y: i32, width: f32, color| {
        let place = Rect::new(x, y, px(painter, width), px(painter, 3.0).max(2));
        painter.fill(place, 1.5, color);
    };
    let (left, first) = (side.x + px(painter, 6.0), side.y + px(painter, 8.0));
    let gap = px(painter, 8.0);
    let chosen = Rect::new(
        side.x + px(painter, 3.0),
        first - px(painter, 3.0),
        side.width - px(painter, 6.0),
        px(painter, 9.0),
    );
    painter.fill(chosen, 2.0, tokens.selected);
    line(painter, left, first, 18.0, tokens.text_accent);
    line(painter, left, first + gap, 22.0, tokens.text_muted);
    line(painter, left, first + 2 * gap, 15.0, tokens.text_muted);
    let body = side.right() + px(painter, 9.0);
    line(painter, body, first, 34.0, tokens.text);
    line(painter, body, first + gap, 48.0, tokens.text_muted);
    line(painter, body, first + 2 * gap, 40.0, tokens.text_muted);
    let button = Rect::new(
        window.right() - px(painter, 32.0),
        window.bottom() - px(painter, 15.0),
        px(painter, 25.0),
        px(painter, 9.0),
    );
    painter.fill(button, 3.0, tokens.accent);
    painter.outline(window, small, 1.0, tokens.frame_border);
    painter.outline(rect, metrics.radius_control, 1.0, tokens.border);
}
