// What a person would see or a screen reader would find, measured in the page. Each function takes the element of a
// region (a live figure, or the output of any other widget) and returns plain data; the tests judge.
window.checks = (() => {
  const FOCUSABLE =
    'input:not([type=hidden]), button, select, textarea, a[href], summary, [contenteditable=true], [tabindex]:not([tabindex="-1"])'

  const shown = element => {
    const style = getComputedStyle(element)
    const box = element.getBoundingClientRect()
    // What a closed element folds away has a box, and is not seen.
    return element.checkVisibility() && style.visibility !== 'hidden' && box.width > 1 && box.height > 1
  }

  // Text that is only for screen readers stands in a clipped box of a pixel or so.
  const spokenOnly = element => {
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e)
      if (style.position === 'absolute' && (style.clip !== 'auto' || style.clipPath !== 'none')) return true
    }
    return false
  }

  // [element, text, box] of every text node that is seen.
  const texts = root => {
    const found = []
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      const node = walker.currentNode
      const element = node.parentElement
      const text = node.textContent.trim()
      if (!text || ['SCRIPT', 'STYLE', 'TITLE', 'DESC', 'OPTION'].includes(element.tagName.toUpperCase())) continue
      if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || spokenOnly(element)) continue
      const range = document.createRange()
      range.selectNodeContents(node)
      const box = range.getBoundingClientRect()
      if (box.width > 0 && box.height > 0) found.push([element, text, box])
    }
    return found
  }

  const describe = element => {
    const control = element.dataset?.control ?? element.dataset?.play
    const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent
    return `${element.tagName.toLowerCase()}${control ? `[${control}]` : ''} ${(name ?? '').trim().slice(0, 60)}`
  }

  // --- cut off -----------------------------------------------------------------------------------------------------
  // Boxes that hide what leaves them: the region's ancestors and its own clipping parts. Inside a part that the reader
  // can scroll nothing is lost, but the region itself must never need it.
  const cutOff = root => {
    const faults = []
    const edge = 1.5
    if (root.scrollWidth > root.clientWidth + edge) faults.push(`scrolls sideways: ${root.scrollWidth} in ${root.clientWidth}`)
    const page = document.documentElement.clientWidth
    const within = root.getBoundingClientRect()
    if (within.right > page + edge) faults.push(`leaves the window: ${within.right} of ${page}`)
    for (let e = root.parentElement; e && e !== document.body; e = e.parentElement) {
      if (getComputedStyle(e).overflowX === 'visible') continue
      const box = e.getBoundingClientRect()
      if (within.right > box.left + e.clientLeft + e.clientWidth + edge || within.left < box.left - edge)
        faults.push(`leaves ${e.className.slice(0, 40)}: ${Math.round(within.right)} of ${Math.round(box.right)}`)
    }
    for (const [element, text, box] of texts(root)) {
      for (let e = element; e; e = e === root ? null : e.parentElement) {
        const style = getComputedStyle(e)
        const clips = e !== root && (style.overflowX !== 'visible' || (e.tagName === 'svg' && style.overflow !== 'visible'))
        if (e !== root && !clips) continue
        const frame = e.getBoundingClientRect()
        const outX = Math.max(frame.left - box.left, box.right - frame.right)
        const outY = Math.max(frame.top - box.top, box.bottom - frame.bottom)
        const scrolls = ['auto', 'scroll'].includes(style.overflowX)
        if (scrolls && e !== root) break
        if (outX > edge || outY > edge)
          faults.push(`"${text}" leaves its ${e === root ? 'figure' : e.tagName} by ${Math.max(outX, outY).toFixed(1)}`)
      }
    }
    return faults
  }

  // Texts of a drawing that cover each other.
  const overlaps = root => {
    const faults = []
    for (const svg of root.querySelectorAll('svg[role=img]')) {
      const all = texts(svg)
      for (let i = 0; i < all.length; i++)
        for (let k = i + 1; k < all.length; k++) {
          const [a, b] = [all[i], all[k]]
          if (a[0] === b[0] || a[0].closest('text') === b[0].closest('text')) continue
          const w = Math.min(a[2].right, b[2].right) - Math.max(a[2].left, b[2].left)
          const h = Math.min(a[2].bottom, b[2].bottom) - Math.max(a[2].top, b[2].top)
          if (w > 2 && h > 3) faults.push(`"${a[1]}" and "${b[1]}" overlap by ${w.toFixed(0)} x ${h.toFixed(0)}`)
        }
    }
    return faults
  }

  // Smallest letters, in pixels of the page, with their text.
  const smallest = root => {
    const sizes = texts(root).map(([element, text]) => {
      const scale = element.ownerSVGElement ? Math.hypot(element.getScreenCTM().a, element.getScreenCTM().b) : 1
      return [scale * parseFloat(getComputedStyle(element).fontSize), text]
    })
    return sizes.sort((a, b) => a[0] - b[0])[0] ?? [99, '']
  }

  // --- contrast ----------------------------------------------------------------------------------------------------
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = '#000'
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
    return [r, g, b, a / 255]
  }
  const over = (top, below) => [0, 1, 2].map(k => top[3] * top[k] + (1 - top[3]) * below[k]).concat(1)
  const luminance = colour => {
    const [r, g, b] = colour.map(v => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const ratio = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
    return (high + 0.05) / (low + 0.05)
  }
  const faded = element => {
    let opacity = 1
    for (let e = element; e; e = e.parentElement) opacity *= parseFloat(getComputedStyle(e).opacity)
    return opacity
  }
  const holds = (box, x, y) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom

  // The colour behind a point: backgrounds of the ancestors, then what the drawing painted there before.
  const behind = (element, x, y) => {
    let colour = [255, 255, 255, 1]
    const ancestors = []
    for (let e = element; e; e = e.parentElement) ancestors.unshift(e)
    for (const e of ancestors) colour = over(rgba(getComputedStyle(e).backgroundColor), colour)
    const svg = element.ownerSVGElement
    if (svg)
      for (const shape of svg.querySelectorAll('rect, path, polygon, circle')) {
        if (!(shape.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING)) continue
        if (shape.closest('defs, clipPath, pattern, marker') || !shape.checkVisibility()) continue
        const style = getComputedStyle(shape)
        if (style.fill === 'none' || style.fill.startsWith('url') || !holds(shape.getBoundingClientRect(), x, y)) continue
        const local = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse())
        if (!shape.isPointInFill(local)) continue
        const fill = rgba(style.fill)
        fill[3] *= parseFloat(style.fillOpacity) * faded(shape)
        colour = over(fill, colour)
      }
    return colour
  }

  // [ratio, text] of every text, worst first: its colour against what is behind its middle.
  const contrasts = root =>
    texts(root)
      .filter(([element]) => !element.closest(':disabled, [aria-disabled=true]'))
      .map(([element, text, box]) => {
        const style = getComputedStyle(element)
        const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2]
        const inSvg = element.ownerSVGElement
        const halo = inSvg && style.paintOrder.startsWith('stroke') && parseFloat(style.strokeWidth) >= 2
        const ground = halo ? over(rgba(style.stroke), behind(element, x, y)) : behind(element, x, y)
        const ink = rgba(inSvg ? style.fill : style.color)
        ink[3] *= faded(element)
        return [ratio(over(ink, ground), ground), text]
      })
      .sort((a, b) => a[0] - b[0])

  // --- keyboard ----------------------------------------------------------------------------------------------------
  // What the Tab key should reach, in the order in which it is seen: rows from above, then from the left.
  const reachable = root => {
    const all = [...root.querySelectorAll(FOCUSABLE)].filter(e => !e.disabled && e.tabIndex >= 0)
    const seen = all.filter(e => shown(e) || e.labels?.[0] && shown(e.labels[0]))
    const groups = new Set()
    const kept = seen.filter(e => {
      if (e.type !== 'radio') return true
      const group = [...root.querySelectorAll('input[type=radio]')].filter(r => r.name === e.name && r.form === e.form)
      const entry = group.find(r => r.checked) ?? group[0]
      return e === entry && !groups.has(e.name) && groups.add(e.name)
    })
    const middle = e => {
      const box = (shown(e) ? e : e.labels[0]).getBoundingClientRect()
      return [(box.top + box.bottom) / 2, box.left]
    }
    return kept
      .sort((a, b) => {
        const [[ya, xa], [yb, xb]] = [middle(a), middle(b)]
        return Math.abs(ya - yb) > 12 ? ya - yb : xa - xb
      })
  }
  const stops = root => reachable(root).map(describe)
  // What has had the focus since `enter`, in order, each with the contrast of its ring.
  const reached = root => root.reached
  const enter = root => {
    if (!root.reached) root.addEventListener('focusin', () => root.reached.push(focused()))
    root.reached = []
    document.activeElement.blur() // what has the focus already would not be told again
    const first = [...root.querySelectorAll(FOCUSABLE)].find(e => !e.disabled && e.tabIndex >= 0)
    const group = first?.type === 'radio' ? [...root.querySelectorAll('input[type=radio]')] : []
    ;(group.find(e => e.name === first.name && e.checked) ?? first)?.focus()
  }
  // The focus ring: an outline or a ring-like shadow of 2 px, on the control, its label or its wrapping box, whose
  // colour stands out 3 : 1.
  const ring = () => {
    const e = document.activeElement
    const candidates = [e, e.nextElementSibling, e.labels?.[0], e.parentElement].filter(Boolean)
    let best = 0
    for (const each of candidates) {
      const style = getComputedStyle(each)
      const box = each.getBoundingClientRect()
      const ground = behind(each.parentElement, box.left, box.top)
      const width = parseFloat(style.outlineWidth)
      if (style.outlineStyle === 'auto') best = Math.max(best, 3)
      else if (style.outlineStyle !== 'none' && width >= 2)
        best = Math.max(best, ratio(over(rgba(style.outlineColor), ground), ground))
      const shadow = style.boxShadow.match(/^(rgba?\([^)]*\)|color\([^)]*\)) 0px 0px 0px ([2-9])/)
      if (shadow) best = Math.max(best, ratio(over(rgba(shadow[1]), ground), ground))
    }
    return best
  }

  const focused = () => [describe(document.activeElement), ring()]

  // The contrast of each ring, where the Tab key has been pressed before: a pointer leaves none.
  const rings = root => reachable(root).map(each => {
    each.focus()
    return focused()
  })

  // --- live figures ------------------------------------------------------------------------------------------------
  const figure = root => {
    const index = name => {
      const input = root.querySelector(`input[data-control="${name}"]`)
      return +(input.type === 'radio' ? root.querySelector(`input[data-control="${name}"]:checked`) : input).value
    }
    const names = [...new Set([...root.querySelectorAll('input[data-control]')].map(input => input.dataset.control))]
    // What only keeps a number or a date on one line is no difference.
    const words = element => element.textContent.trim().replaceAll('\u00a0', ' ').replaceAll('\u2060', '')
    const text = selector => (element => element && words(element))(root.querySelector(selector))
    return {
      name: root.dataset.figure,
      state: root.dataset.state,
      controls: Object.fromEntries(names.map(name => [name, index(name)])),
      sentence: text('p.marginlib-sentence'),
      live: text('p.marginlib-live[aria-live=polite]'),
      alt: root.querySelector('.marginlib-chart svg[role=img]')?.getAttribute('aria-label') ?? null,
      table: [...root.querySelectorAll('table.marginlib-table tr')].map(row =>
        [...row.cells].map(words)),
      focus: root.contains(document.activeElement) ? document.activeElement.dataset.control ?? null : null,
    }
  }

  // What is drawn, panel by panel: the numbers along the axes with their places, and the points of areas (each a face,
  // then its hatching), lines and markers.
  const drawn = root =>
    [...root.querySelectorAll('.marginlib-chart svg > g')].map(panel => {
      const numbers = [...panel.querySelectorAll('text.tick')].filter(text => text.textContent)
      const inside = panel.ownerSVGElement.querySelector(
        panel.querySelector('g[clip-path]').getAttribute('clip-path').match(/#[\w-]+/)[0] + ' rect')
      const [left, wide] = ['x', 'width'].map(name => +inside.getAttribute(name))
      const along = (anchor, place) => numbers.filter(text => text.getAttribute('text-anchor') === anchor)
        .map(text => [text.textContent, place(text)])
      const points = path => (path.getAttribute('d') || '').replace(/[MZ]/g, '').split('L').filter(Boolean)
        .map(pair => pair.split(',').map(Number))
      const place = marker => marker.getAttribute('visibility') === 'hidden' ? []
        : [(marker.getAttribute('transform') ?? '').match(/-?[\d.]+/g)?.map(Number)]
      return {
        across: along('middle', text => +text.getAttribute('x')),
        up: along('end', text => +text.getAttribute('y') - 4), // the foot of a letter stands below its line
        ends: [left, left + wide],
        areas: [...panel.querySelectorAll('g[clip-path] path.area')].filter((_, k) => k % 2 === 0).map(points),
        lines: [...panel.querySelectorAll('g[clip-path] path.line:not([opacity])')].map(points),
        markers: [...panel.querySelectorAll(':scope > path.marker[visibility]')].map(place),
        notes: [...panel.querySelectorAll('text.note')].map(
          text => [text.textContent, +text.getAttribute('x'), +text.getAttribute('y') - 4]),
      }
    })

  // Count how often the live region says something new, from now on.
  const listen = root => {
    const region = root.querySelector('[aria-live]')
    root.heard = []
    let last = region.textContent
    new MutationObserver(() => {
      if (region.textContent === last) return
      last = region.textContent
      root.heard.push(last.replaceAll('\u00a0', ' ').replaceAll('\u2060', ''))
    }).observe(region, { childList: true, characterData: true, subtree: true })
  }

  // Elements that move by themselves: transitions and animations with a duration.
  const moving = root =>
    [root, ...root.querySelectorAll('*')].filter(e => {
      const style = getComputedStyle(e)
      const lasts = text => text.split(',').some(part => parseFloat(part) > 0.01)
      return (style.animationName !== 'none' && lasts(style.animationDuration)) || lasts(style.transitionDuration)
    }).map(describe)

  return { cutOff, overlaps, smallest, contrasts, stops, enter, reached, rings, figure, drawn, listen, moving }
})()
