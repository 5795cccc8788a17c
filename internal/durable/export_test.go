package durable

// LinkNew is what RenameNew does where the file system cannot.
var LinkNew = linkNew
