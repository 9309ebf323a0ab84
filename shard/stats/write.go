package stats

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path/filepath"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// Folder is where Write puts its files, under the dataset's folder.
const Folder = shard.ReportFolder

// The files that Write makes.
const (
	PageName    = "index.html"
	FiguresName = "stats.json"
)

//go:embed page.html
var pageSource string

// styleSource is the look of all pages, which they name as the template style.
//
//go:embed style.html
var styleSource string

// Write puts stats.json and index.html into dir/report, each whole or not at
// all.
func Write(dir string, s *Stats) error {
	page, err := HTML(s)
	if err != nil {
		return err
	}
	figures, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode stats.json: %w", err)
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, Folder, FiguresName), append(figures, '\n')); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, Folder, PageName), page)
}

// HTML is the report as one page.
func HTML(s *Stats) ([]byte, error) {
	return pageOf("report", pageSource, viewOf(s))
}

// pageOf fills the template of a page.
func pageOf(name, source string, view any) ([]byte, error) {
	t, err := template.New(name).Funcs(template.FuncMap{"num": grouped, "pct": percent, "estimated": estimated}).Parse(source)
	if err == nil {
		_, err = t.Parse(styleSource)
	}
	if err != nil {
		return nil, fmt.Errorf("read the template of the %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("fill the page of the %s: %w", name, err)
	}
	return b.Bytes(), nil
}
