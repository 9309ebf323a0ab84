package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far one stage is: a bar with time left on a terminal, a
// plain line each half minute elsewhere, which is JSON where that was asked for,
// nothing when quiet. Its methods may be
// called from any goroutine.
type progress struct {
	lock  *pipeline.Lock // is told too, for those who look at the folder
	mu    sync.Mutex
	out   io.Writer
	what  string
	bar   *progressbar.ProgressBar
	quiet bool
	log   *slog.Logger // nil where lines are for people
	began time.Time
	last  time.Time
	note  string
}

const plainEvery = 30 * time.Second

func newProgress(g *global, what string) *progress {
	p := &progress{lock: g.lock, out: g.stderr, what: what, quiet: g.quiet, began: time.Now(), last: time.Now()}
	if g.json && !g.terminal() {
		p.log = slog.New(slog.NewJSONHandler(g.stderr, nil))
	}
	if g.terminal() && !g.quiet {
		p.bar = progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(g.stderr),
			progressbar.OptionSetWidth(14),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetElapsedTime(true),
		)
		p.describe()
	}
	return p
}

// set says that done of total are finished; total 0 means that it is unknown.
func (p *progress) set(done, total int64) {
	p.lock.Tell(done, total)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.quiet:
	case p.bar != nil:
		if total > 0 && p.bar.GetMax64() != total {
			p.bar.ChangeMax64(total)
		}
		if total <= 0 || done < total { // the bar ends itself at its maximum
			p.bar.Set64(done)
		}
	case time.Since(p.last) >= plainEvery:
		p.last = time.Now()
		if p.log != nil {
			p.log.Info(p.what, "done", done, "total", total, "note", p.note)
			return
		}
		fmt.Fprintf(p.out, "%s: %s\n", p.what, p.line(done, total))
	}
}

func (p *progress) line(done, total int64) string {
	elapsed := time.Since(p.began)
	text := fmt.Sprintf("%d", done)
	if total > 0 {
		text = fmt.Sprintf("%d of %d (%d%%)", done, total, 100*done/total)
		if done > 0 {
			left := time.Duration(float64(elapsed) * float64(total-done) / float64(done))
			text += fmt.Sprintf(", %s left", left.Round(time.Second))
		}
	}
	if p.note != "" {
		text += ", " + p.note
	}
	return text
}

// say sets a short text beside the figures, such as the loss.
func (p *progress) say(note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note = note
	if p.bar != nil {
		p.describe()
	}
}

// warn prints a line that stays, also when quiet.
func (p *progress) warn(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear()
	}
	if p.log != nil {
		p.log.Warn(text, "doing", p.what)
		return
	}
	fmt.Fprintf(p.out, "pairloom: %s: %s\n", p.what, text)
}

// barWidth is what the bar, its counts and its times take of a line.
const barWidth = 58

// describe writes what the stage does and its note, as far as the terminal has
// room: a line that wraps is not overwritten but leaves a trail.
func (p *progress) describe() {
	room := 80
	if f, ok := p.out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			room = width
		}
	}
	text := fmt.Sprintf("%-21s ", p.what)
	if p.note != "" {
		text += p.note
	}
	if runes := []rune(text); len(runes) > max(room-barWidth, 21) {
		text = string(runes[:max(room-barWidth, 21)])
	}
	p.bar.Describe(text)
}

// end clears the bar.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Finish()
		p.bar.Clear()
	}
}
