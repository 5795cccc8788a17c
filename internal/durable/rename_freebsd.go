package durable

func renameNew(oldname, newname string) error { return linkNew(oldname, newname) }
