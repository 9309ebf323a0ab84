package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// States of a [Holder].
const (
	HolderRunning = "running" // it has the lock
	HolderKilled  = "killed"  // it had it, and did not come to its end
	HolderEnded   = "ended"
)

// A Holder is the command that has a folder's lock, or had it last, and how far
// it is. It lies in the lock's file, so that who may read the folder may know.
type Holder struct {
	State   string    `json:"state,omitempty"` // none in the file itself, which cannot know
	Command string    `json:"command"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	// Stage is the one it is at, or was at last; "" between stages. Number of Of
	// is its place among those of the run.
	Stage  string `json:"stage,omitempty"`
	Doing  string `json:"doing,omitempty"`
	Number int    `json:"number,omitempty"`
	Of     int    `json:"of,omitempty"`
	// Done of Total units were done at the time At; Total is 0 while it is unknown.
	Done  int64     `json:"done"`
	Total int64     `json:"total"`
	Unit  string    `json:"unit,omitempty"`
	Began time.Time `json:"stage_began,omitzero"`
	From  int64     `json:"from,omitempty"` // done when the stage began to tell
	At    time.Time `json:"at,omitzero"`
	// SecondsLeft is what the stage will take at the pace it had; 0 when that is
	// not known.
	SecondsLeft float64 `json:"seconds_left,omitempty"`
	// Ended, Exit and Outcome are those of a command that came to its end; Outcome
	// is the error, or why it stopped.
	Ended   time.Time `json:"ended,omitzero"`
	Exit    int       `json:"exit"`
	Outcome string    `json:"outcome,omitempty"`
}

// holderSize is that of the record in the lock's file, which is written in its
// place: a reader that comes in between sees what does not parse, and looks again.
const holderSize = 2048

// encode is the record, filled with blanks.
func (h *Holder) encode() ([]byte, error) {
	const most = holderSize / 2
	if len(h.Outcome) > most {
		h.Outcome = strings.ToValidUTF8(h.Outcome[:most], "") + "..."
	}
	text, err := json.Marshal(h)
	if len(text) >= holderSize { // an outcome full of what JSON escapes
		h.Outcome = ""
		text, err = json.Marshal(h)
	}
	if err != nil {
		return nil, err
	}
	record := bytes.Repeat([]byte{' '}, holderSize)
	copy(record, text)
	record[holderSize-1] = '\n'
	return record, nil
}

// readHolder reads the record in a lock's file. known is false when there is
// none, as after an older pairloom.
func readHolder(f io.ReaderAt) (h Holder, known bool, err error) {
	for range 10 {
		text, err := io.ReadAll(io.NewSectionReader(f, 0, 2*holderSize))
		if err != nil {
			return h, false, fmt.Errorf("read lock: %w", err)
		}
		text = bytes.TrimSpace(text)
		if len(text) == 0 || text[0] != '{' {
			return h, false, nil
		}
		if h = (Holder{}); json.Unmarshal(text, &h) == nil && h.Command != "" {
			return h, true, nil
		}
	}
	return h, false, nil
}

// LookAtHolder tells who has the folder's lock, or had it last; known is false
// when nobody is known of. It only reads.
func LookAtHolder(dir string) (h Holder, known bool, err error) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return h, false, nil
	}
	if err != nil {
		return h, false, fmt.Errorf("look at lock: %w", err)
	}
	defer f.Close() // and with it the lock below
	// The lock is shared and held for the moment of this call: [Acquire] tries more
	// than once. Whoever has it to write has it alone.
	free := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil
	if h, known, err = readHolder(f); err != nil {
		return h, false, err
	}
	switch {
	case !free && !known: // of another version
		return Holder{State: HolderRunning}, true, nil
	case !free:
		h.State = HolderRunning
	case !h.Ended.IsZero():
		h.State = HolderEnded
	default:
		h.State = HolderKilled
	}
	if pace := h.Done - h.From; pace > 0 && h.Total > h.Done {
		h.SecondsLeft = h.At.Sub(h.Began).Seconds() * float64(h.Total-h.Done) / float64(pace)
	}
	return h, known, nil
}

// progress says how far the holder is: fetch, 1,234 of 5,000 pictures.
func (h *Holder) progress() string {
	if h.Stage == "" {
		return ""
	}
	text := h.Stage
	if h.Of > 1 {
		text += fmt.Sprintf(" (stage %d of %d)", h.Number, h.Of)
	}
	switch {
	case h.Total > 0:
		text += fmt.Sprintf(", %s of %s %s", Grouped(h.Done), Grouped(h.Total), h.Unit)
	case h.Done > 0:
		text += fmt.Sprintf(", %s %s", Grouped(h.Done), h.Unit)
	}
	return text
}

// String says it in a line.
func (h *Holder) String() string {
	if h.Command == "" {
		return "a command of another version of pairloom"
	}
	since := h.Since.UTC().Format(time.RFC3339)
	at := h.progress()
	switch h.State {
	case HolderKilled:
		if at != "" {
			at = " in " + at
		}
		return fmt.Sprintf("pairloom %s of %s was killed%s; run again to go on", h.Command, since, at)
	case HolderEnded:
		text := fmt.Sprintf("pairloom %s of %s ended at %s with exit code %d", h.Command, since, h.Ended.UTC().Format(time.RFC3339), h.Exit)
		if h.Outcome != "" {
			text += ": " + h.Outcome
		}
		return text
	}
	text := fmt.Sprintf("process %d (pairloom %s, since %s)", h.PID, h.Command, since)
	if at != "" {
		text += " is at " + at
	}
	if h.SecondsLeft > 0 {
		left := time.Duration(h.SecondsLeft * float64(time.Second)).Round(time.Second)
		text += fmt.Sprintf(", about %s left", shortTime(left))
	}
	return text
}
