package evaluate

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
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

// ReadLabels reads a file of one label a line. Lines that are empty or repeat
// one above are errors, all reported at once; blank lines at the end are not.
func ReadLabels(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	var labels []string
	for line := range strings.Lines(strings.TrimRight(string(data), " \t\r\n")) {
		labels = append(labels, strings.TrimSpace(line))
	}
	if err := checkLabels(labels); err != nil {
		return nil, fmt.Errorf("read labels %s: %w", path, err)
	}
	return labels, nil
}

func checkLabels(labels []string) error {
	if len(labels) == 0 {
		return errors.New("it is empty; write one label a line")
	}
	var faults []error
	first := map[string]int{}
	for i, label := range labels {
		switch before, there := first[label]; {
		case label == "":
			faults = append(faults, fmt.Errorf("line %d is empty; write a label or delete the line", i+1))
		case there:
			faults = append(faults, fmt.Errorf("line %d repeats %q of line %d; delete one, or tell them apart", i+1, label, before))
		default:
			first[label] = i + 1
		}
	}
	return errors.Join(faults...)
}
