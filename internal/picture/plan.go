package picture

// plan is the way from a picture as it stands upright to the one that is kept, all
// in pixels.
type plan struct {
	width, height int // after the filter
	crop          int // side of the middle square that is kept; 0 for all
	border        int // side of the white square around it; 0 for none
}

// fit makes the plan for a picture of w by h pixels. As in img2dataset, a picture that
// is not larger than the size is left alone unless r asks for it always.
func fit(r *request, w, h int) plan {
	p := plan{width: w, height: h}
	if r.format == Original || r.format == Nothing {
		r = &request{mode: KeepRatio, size: defaultSize} // what is looked at
	}
	size := int(r.size)
	var side int
	switch r.mode {
	case KeepRatio, CenterCrop:
		side = min(w, h)
	case KeepRatioLargest, Border:
		side = max(w, h)
	default:
		return p
	}
	if side <= size && !r.always {
		return p
	}
	scale := func(n int) int { return max(1, (n*size+side/2)/side) }
	p.width, p.height = scale(w), scale(h)
	switch r.mode {
	case CenterCrop:
		p.crop = size
	case Border:
		p.border = size
	}
	return p
}

// finished is the size of the picture that is kept.
func (p plan) finished() (w, h int) {
	switch {
	case p.crop > 0:
		return min(p.width, p.crop), min(p.height, p.crop)
	case p.border > 0:
		return p.border, p.border
	}
	return p.width, p.height
}

// place copies a picture of RGBX, which has the plan's width and height once it is
// turned, into the middle of the finished one. turn is that of EXIF: 1 to 8.
func (p plan) place(small []byte, turn int) (out []byte, w, h int) {
	w, h = p.finished()
	if turn <= 1 && w == p.width && h == p.height {
		return small, w, h
	}
	stored, storedHeight := p.width, p.height // of small
	if turn >= 5 {
		stored, storedHeight = storedHeight, stored
	}
	// Where the finished picture's corner lies in the turned one; negative in a border.
	left, top := half(p.width-w), half(p.height-h)
	out = make([]byte, 4*w*h)
	for y := range h {
		for x := range w {
			u, v := x+left, y+top
			to := out[4*(y*w+x):][:4]
			if u < 0 || v < 0 || u >= p.width || v >= p.height {
				to[0], to[1], to[2], to[3] = 255, 255, 255, 255
				continue
			}
			u, v = unturn(turn, u, v, stored, storedHeight)
			copy(to, small[4*(v*stored+u):][:4])
		}
	}
	return out, w, h
}

// half rounds down, of what is left over at the right and the bottom one pixel more.
func half(n int) int {
	if n < 0 {
		return -(-n / 2)
	}
	return n / 2
}

// unturn is where pixel x, y of the upright picture is stored, of w by h pixels.
// The turns are those of EXIF 2.3, 4.6.4, tag 0x0112.
func unturn(turn, x, y, w, h int) (int, int) {
	switch turn {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	}
	return x, y
}
