package evaluate

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/pairloom/pairloom/internal/lines"
)

// imagenet80 are the contexts of CLIP's ImageNet prompts, one a line.
//
//go:embed templates/imagenet80.txt
var imagenet80 string

// namedTemplates are the sets that stand for their prompts in a list of
// templates.
var namedTemplates = map[string]string{"imagenet80": imagenet80}

// DefaultTemplate is the prompt where none is asked for.
const DefaultTemplate = "A photo of a {label}."

// Templates puts the prompts of a set in place of its name, and reports each
// template that has no {label}. An empty list gives [DefaultTemplate].
func Templates(list []string) ([]string, error) {
	if len(list) == 0 {
		return []string{DefaultTemplate}, nil
	}
	var templates []string
	var faults []error
	for _, t := range list {
		if set, named := namedTemplates[t]; named {
			for line := range strings.Lines(set) {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					templates = append(templates, line)
				}
			}
			continue
		}
		if !strings.Contains(t, labelMark) {
			faults = append(faults, fmt.Errorf("templates: %q does not contain %s and is no named set; write where the label goes, or imagenet80 for CLIP's 80 contexts", t, labelMark))
		}
		templates = append(templates, t)
	}
	return templates, errors.Join(faults...)
}

// prompt is a template with the label in it.
func prompt(template, label string) string { return strings.ReplaceAll(template, labelMark, label) }

// ReadLabels reads a file of one label a line, as package lines does. Labels that
// repeat one above are errors, all reported at once.
func ReadLabels(path string) ([]string, error) {
	list, err := readLabels(path)
	return texts(list), err
}

func readLabels(path string) ([]lines.Line, error) {
	list, err := lines.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	if err := checkLabels(list); err != nil {
		return nil, fmt.Errorf("read labels %s: %w", path, err)
	}
	return list, nil
}

func texts(list []lines.Line) (labels []string) {
	for _, line := range list {
		labels = append(labels, line.Text)
	}
	return labels
}

// numberedLines are labels that come from no file, numbered from 1.
func numberedLines(labels []string) (list []lines.Line) {
	for i, label := range labels {
		list = append(list, lines.Line{Number: i + 1, Text: label})
	}
	return list
}

func checkLabels(labels []lines.Line) error {
	if len(labels) == 0 {
		return errors.New("it is empty; write one label a line")
	}
	var faults []error
	first := map[string]int{}
	for _, label := range labels {
		switch before, there := first[label.Text]; {
		case label.Text == "":
			faults = append(faults, fmt.Errorf("line %d is empty; write a label or delete the line", label.Number))
		case there:
			faults = append(faults, fmt.Errorf("line %d repeats %q of line %d; delete one, or tell them apart", label.Number, label.Text, before))
		default:
			first[label.Text] = label.Number
		}
	}
	return errors.Join(faults...)
}
