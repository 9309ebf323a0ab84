package batch

import (
	"errors"
	"fmt"
	"strings"
)

// Classes gives each row the number of its label: of the one that is its whole
// text, whatever the case, or else that of another row with the same picture; -1
// for none. Of a picture with two labels the first row's counts. Labels that are
// empty or repeat are errors, named by their line, from 1. found counts the rows
// whose text is a label.
func (s *Source) Classes(labels []string) (classes []int32, found int, err error) {
	return classesOf(s, labels)
}

func classesOf(s pairs, labels []string) (classes []int32, found int, err error) {
	number := map[string]int32{}
	var faults []error
	for i, label := range labels {
		label = strings.ToLower(strings.TrimSpace(label))
		before, there := number[label]
		switch {
		case label == "":
			faults = append(faults, fmt.Errorf("line %d is empty; write a label or delete the line", i+1))
		case there:
			faults = append(faults, fmt.Errorf("line %d repeats %q of line %d; delete one", i+1, label, before+1))
		}
		number[label] = int32(i)
	}
	if len(faults) > 0 {
		return nil, 0, errors.Join(faults...)
	}
	classes = make([]int32, s.Len())
	ofPicture := map[uint64]int32{}
	for row := range classes {
		p, err := s.Facts(row)
		if err != nil {
			return nil, 0, err
		}
		class, there := number[strings.ToLower(strings.TrimSpace(p.Text))]
		if !there {
			classes[row] = -1
			continue
		}
		classes[row] = class
		found++
		// Hash 0 stands for an unknown picture.
		if _, known := ofPicture[p.PictureHash]; !known && p.PictureHash != 0 {
			ofPicture[p.PictureHash] = class
		}
	}
	for row, class := range classes {
		p, err := s.Facts(row)
		if err != nil {
			return nil, 0, err
		}
		if known, there := ofPicture[p.PictureHash]; class < 0 && there {
			classes[row] = known
		}
	}
	return classes, found, nil
}
