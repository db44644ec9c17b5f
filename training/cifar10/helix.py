"""Borders that wrap as the slots of a ciphertext do, so that a convolution's weights need no mask there."""

import torch


def above(column):
    """The column one row up, of a column of rows -1 to H of a cycle of H."""
    return torch.cat([column[:, :, -3:-2], column[:, :, :-1]], 2)


def below(column):
    return torch.cat([column[:, :, 1:], column[:, :, 2:3]], 2)


def sideways(starts, ends, half):
    """What stands left and right of the rows that have these starts and ends."""
    if not half:
        return above(ends), below(starts)
    left = torch.cat([above(ends[:, half:]), ends[:, :half]], 1)
    right = torch.cat([starts[:, half:], below(starts[:, :half])], 1)
    return left, right


def pad(x, half):
    rows = torch.cat([x[:, :, -1:], x, x[:, :, :1]], 2)
    left, right = sideways(rows[..., :1], rows[..., -1:], half)
    return torch.cat([left, rows, right], 3)


class Helical(torch.autograd.Function):
    """`pad` with a derivative in few passes over memory."""

    @staticmethod
    def forward(context, x, half):
        context.half = half
        return pad(x, half)

    @staticmethod
    def backward(context, gradient):
        middle = gradient[:, :, 1:-1, 1:-1].clone(memory_format=torch.channels_last)
        middle[:, :, -1] += gradient[:, :, 0, 1:-1]
        middle[:, :, 0] += gradient[:, :, -1, 1:-1]
        with torch.enable_grad():  # the border columns are small: their derivative may be found as usual
            ends, starts = (middle[..., at].detach()[..., None].requires_grad_() for at in (-1, 0))
            cycles = (torch.cat([column[:, :, -1:], column, column[:, :, :1]], 2) for column in (starts, ends))
            left, right = sideways(*cycles, context.half)
        of_ends, of_starts = torch.autograd.grad([left, right], [ends, starts], [gradient[..., :1], gradient[..., -1:]])
        middle[..., -1:] += of_ends
        middle[..., :1] += of_starts
        return middle, None


def helical(x, half=0):
    """A border of one position around N×C×H×W. Left of a row stands the end of the row above, right of it the
    beginning of the row below; rows wrap from the last to the first.

    With `half` of the channels' number, those from there on lie between the rows, as strides leave them in the slots:
    left of a row of the second half stands the end of the same row of the first half, left of a row of the first half
    the end of the row above of the second half.
    """
    if torch.onnx.is_in_onnx_export():
        return pad(x, half)
    return Helical.apply(x, half)
