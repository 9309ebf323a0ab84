package lists

import "errors"

func readArrow(k *candidates, s Source, o *Options) error { return errors.New("not yet") }
