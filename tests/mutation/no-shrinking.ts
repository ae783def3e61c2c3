import fc from 'fast-check';

// That a defect is noticed is all that is asked; to look for its shortest example takes most of the time.
fc.configureGlobal({ endOnFailure: true });
