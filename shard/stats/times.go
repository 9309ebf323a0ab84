package stats

import (
	_ "embed"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// TimesVersion is that of times.json.
const TimesVersion = 1

// Times says how long the stages of a dataset took on its machine.
type Times struct {
	SchemaVersion int         `json:"schema_version"`
	Stages        []StageTime `json:"stages"` // in the order in which they first ran
}

// StageTime is the time of one stage, by the clock.
type StageTime struct {
	Stage        string  `json:"stage"`
	Unit         string  `json:"unit"`    // of Records
	Records      int64   `json:"records"` // that the last run accounts for
	Seconds      float64 `json:"seconds"` // of the last run
	Runs         int64   `json:"runs"`
	TotalSeconds float64 `json:"total_seconds"` // of all runs, stopped ones too
}

// PerSecond is the throughput of the last run.
func (s StageTime) PerSecond() string {
	if s.Seconds <= 0 {
		return ""
	}
	rate := float64(s.Records) / s.Seconds
	if rate >= 100 {
		return grouped(int64(rate))
	}
	return strconv.FormatFloat(rate, 'g', 2, 64)
}

// Took and Total are the times for people.
func (s StageTime) Took() string  { return secondsText(s.Seconds) }
func (s StageTime) Total() string { return secondsText(s.TotalSeconds) }

func secondsText(s float64) string {
	if s < 60 {
		return strconv.FormatFloat(s, 'f', 1, 64) + " s"
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// TimesPageName is the page of the times. It lies beside that of the figures, as the
// same dataset has the same figures however long it took.
const TimesPageName = "times.html"

//go:embed times.html
var timesSource string

// WriteTimes puts times.html into dir/report.
func WriteTimes(dir string, t *Times) error {
	page, err := pageOf("times", timesSource, t)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, Folder, TimesPageName), page)
}
