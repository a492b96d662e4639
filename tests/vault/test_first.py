from datetime import timedelta
from uuid import uuid4

from stadtmail.vault import epochs, keys


def test_x(now):
    t=uuid4()
    ks=keys.new(t,count=3,now=now)
    assert keys.one(ks[0].id)==ks[0].key
    keys.destroy([ks[0].id])
    import pytest
    with pytest.raises(keys.KeyGone): keys.one(ks[0].id)
    a=keys.city(t,"x"); assert a==keys.city(t,"x")
    assert epochs.turn(now+timedelta(days=1))==3
    keys.drop_copies()
    assert keys.one(ks[1].id)==ks[1].key
    assert epochs.retire(now+timedelta(days=9))
    assert keys.one(ks[1].id)==ks[1].key
