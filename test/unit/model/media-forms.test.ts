import assert from 'node:assert/strict';
import { canBecome, isTold, MEDIA_FORMS, otherForm } from '../../../lib/model/media-forms.ts';

describe('forms of media types', () => {
  it('every form is the other form of its other form', () => {
    for (const { text, binary } of MEDIA_FORMS) {
      assert.equal(otherForm(text), binary);
      assert.equal(otherForm(binary), text);
    }
    assert.equal(otherForm('text/plain'), undefined);
  });

  it('a range tells every type in it and no other', () => {
    assert.equal(isTold('text/vnd.wap.si', ['text/*']), true);
    assert.equal(isTold('text/vnd.wap.si', ['*/*']), true);
    assert.equal(isTold('text/vnd.wap.si', ['text/vnd.wap.sl', 'application/*']), false);
    assert.equal(isTold('textual/plain', ['text/*']), false);
  });

  it('content goes as it is where the device told its type', () => {
    assert.equal(canBecome('text/vnd.wap.si', ['application/vnd.wap.sic', 'text/vnd.wap.si']), 'text/vnd.wap.si');
  });

  it('content goes in its other form where only that was told', () => {
    assert.equal(canBecome('text/vnd.wap.si', ['text/plain', 'application/vnd.wap.sic']), 'application/vnd.wap.sic');
    assert.equal(canBecome('application/vnd.wap.emn+wbxml', ['text/*']), 'text/vnd.wap.emn+xml');
  });

  it('content with neither form told is a mismatch', () => {
    assert.equal(canBecome('text/vnd.wap.si', ['text/plain']), undefined);
    assert.equal(canBecome('image/png', ['application/vnd.wap.sic']), undefined);
    assert.equal(canBecome('image/png', []), undefined);
  });
});
